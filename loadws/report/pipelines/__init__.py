"""What a CI service is told of a run or a comparison: pure functions of a ``Result``, one file for each service."""
