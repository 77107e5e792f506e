"""Shows a schedule to a reader: tables, plots, single steps."""
