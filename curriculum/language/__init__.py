"""What a user may write: curricula and sweeps."""
