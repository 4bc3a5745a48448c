"""What compares runs, rendered: a comparison as text, a history and a search as text and as pages."""
