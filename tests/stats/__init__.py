"""``python -m tests.stats``: prove by simulation what the comparisons claim, with noise taken from real runs."""
