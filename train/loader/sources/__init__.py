"""Opens datasets for the loader."""
