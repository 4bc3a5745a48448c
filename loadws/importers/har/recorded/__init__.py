"""The recording as its file has it."""
