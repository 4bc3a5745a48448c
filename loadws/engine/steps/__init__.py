"""The verbs of the language: each step is compiled to a coroutine function before the run. ``registry`` has the table."""
