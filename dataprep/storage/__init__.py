"""Reads and writes local, S3, GCS and HDFS files."""
