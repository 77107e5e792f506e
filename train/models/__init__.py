"""Defines the vision-language model: decoder, image encoders, projector, and their loss."""
