"""Run whole loads: one shard in each process, and the parent that sums up their frames."""

#: The most processes that a run may have. It is defined here so that reading a command line imports nothing heavy.
MOST_PROCESSES = 256
