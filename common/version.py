"""Names the release; the one place that does."""

VERSION = "0.1.0"
