"""`make study`: the paper's sweep in miniature, from generated data to figures."""
