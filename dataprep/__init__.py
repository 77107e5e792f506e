"""Raw releases in, MDS datasets with a manifest out: Spark jobs that are exact, resumable and byte-reproducible."""
