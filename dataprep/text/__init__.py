"""The text job: documents in, fixed windows of tokens out, nothing lost, nothing twice."""
