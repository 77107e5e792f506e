"""Runs work exactly once: plan, tasks, receipts, commit."""
