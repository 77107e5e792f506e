"""What the pairs and conversations jobs share."""
