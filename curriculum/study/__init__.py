"""A finished sweep as the paper's figures: stable scores, orderings, realised mixes."""
