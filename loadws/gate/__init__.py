"""Summary and thresholds -> verdict. Pure: it sees what was measured, never how."""
