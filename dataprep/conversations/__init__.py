"""The conversations job: LLaVA's instruction JSON and images in, packed windows with a loss mask (MDS) out."""
