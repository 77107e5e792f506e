"""Reads batches from a schedule and MDS shards."""
