"""Commands that are of no one package, one a file."""
