"""What happens around a step, one concern a file; `record` gathers the facts, the others act on them."""
