"""Rows become batches of tensors."""
