"""Render what compares runs: a comparison as text, a history and a search as text and as pages."""
