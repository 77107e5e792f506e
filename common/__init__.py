"""What every package may use: errors, files, commands, tables, pages."""
