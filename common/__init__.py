"""Holds what every package may use: errors, files, commands, tables, pages."""
