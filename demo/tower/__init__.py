"""Teaches a small SigLIP on the world's own image-caption pairs, for the demo's frozen encoder."""
