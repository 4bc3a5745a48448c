"""``python -m tests.truth [CASE ...]``: what loadws says of a target beside what it did. Real sockets, real time."""
