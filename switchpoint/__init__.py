"""Runs one command over all packages: `switchpoint COMMAND`."""
