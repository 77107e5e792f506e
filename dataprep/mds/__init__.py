"""MDS, the shard format of MosaicML Streaming, written without importing it (that costs seconds in every worker)."""
