"""Judge a summary by its thresholds. This room has no I/O, and uses what was measured, never how."""
