"""What a reader sees of a schedule: tables, plots, single steps."""
