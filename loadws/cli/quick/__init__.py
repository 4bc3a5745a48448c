"""What is answered at once, before any command is imported."""
