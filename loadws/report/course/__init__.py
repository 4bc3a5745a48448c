"""The events of a run over time, and the few sentences that describe it."""
