"""Whole runs: a shard a process, and what the parent makes of their frames."""

#: The most processes that a run may have. Here, so that reading a command line imports nothing heavy for it.
MOST_PROCESSES = 256
