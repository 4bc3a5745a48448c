"""The list of all runs below a folder: what is read of each, and its page."""
