"""Downloads shards and keeps them on disk."""
