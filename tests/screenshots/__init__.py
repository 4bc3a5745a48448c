"""Pictures of every page kind, made of real short runs: for the eyes of those who change a page."""
