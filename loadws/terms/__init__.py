"""The words all else is written in: errors, units, metrics, thresholds. Imports nothing of ours."""
