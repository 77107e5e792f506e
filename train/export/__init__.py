"""Converts this trainer's checkpoints to Hugging Face directories and back."""
