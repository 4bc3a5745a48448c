"""Events in, numbers out. Synchronous; no I/O.

``recorder`` takes the hot-path calls and makes a ``frame`` per second; ``summarise`` merges frames (live, from several
processes, or read back from a killed run's folder: always the same way) into the ``summary`` that gate and report see.
"""
