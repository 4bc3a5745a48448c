"""The report to a CI service about a run or a comparison: pure functions of a ``Result``, one file for each service."""
