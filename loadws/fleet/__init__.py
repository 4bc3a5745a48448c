"""Whole runs: a shard a process, and what the parent makes of their frames."""
