"""Turns raw releases into MDS datasets with a manifest, by Spark jobs that are exact, resumable and
byte-reproducible.
"""
