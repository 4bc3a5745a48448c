"""The charts of the report, made of a summary and a course."""
