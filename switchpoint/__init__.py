"""One command over all packages: `switchpoint COMMAND`."""
