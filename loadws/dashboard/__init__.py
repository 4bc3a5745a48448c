"""A run in the browser while it goes: a process of its own that gets its frames, and turns into the finished report."""
