"""Turns LLaVA's instruction JSON and images into packed windows with a loss mask (MDS): the conversations job."""
