"""From a schedule and MDS shards to batches."""
