"""``python -m tests.truth [CASE ...]``: compare what loadws reports with what its target did. Real sockets, real time."""
