"""Writes MDS, the shard format of MosaicML Streaming, without importing Streaming (that costs seconds in every
worker).
"""
