"""Summary and course -> the charts of the report."""
