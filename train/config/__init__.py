"""The model of RUN.yaml; imports no torch."""
