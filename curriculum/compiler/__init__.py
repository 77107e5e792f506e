"""A curriculum file becomes a schedule."""
