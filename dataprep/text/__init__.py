"""Turns documents into fixed windows of tokens, nothing lost, nothing twice: the text job."""
