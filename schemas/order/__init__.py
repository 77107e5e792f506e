"""The arithmetic of a schedule: which sample stands at which position."""
