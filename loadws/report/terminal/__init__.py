"""What a run shows on a terminal while it goes, and the short trace of its course that stays."""
