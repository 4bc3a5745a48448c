"""Measure: events in, numbers out. Synchronous; no I/O.

``recorder`` takes the hot-path calls and makes one ``frame`` per second; ``summarising`` merges frames (live, from
several processes, or read back from a killed run's folder: always in the same way) into the ``summary`` that gate and
report use.
"""
