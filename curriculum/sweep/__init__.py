"""Expands one curriculum into many runs, joins those with a shared past into a tree, and makes them ready to launch."""
