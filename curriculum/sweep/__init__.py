"""Many runs from one curriculum: expanded, joined into a tree by their shared pasts, and made ready to launch."""
