"""Self-contained HTML pages: what a person looks at. A leaf: every package may import it, it imports none of them."""
