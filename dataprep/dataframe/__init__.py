"""Writes a Spark DataFrame of ids or texts as an MDS dataset: `df.write.format("mds")`."""
