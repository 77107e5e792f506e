"""The whole pipeline on a generated world: runs the three ways of use as a user would, and reports what came of it."""
