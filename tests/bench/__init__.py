"""Benchmarks: ``python -m tests.bench``. Not tests: they print ratios and never fail."""
