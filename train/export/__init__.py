"""Between this trainer's checkpoints and Hugging Face directories, in both directions."""
