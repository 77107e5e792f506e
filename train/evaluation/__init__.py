"""Multiple-choice questions about images, answered by likelihood."""
