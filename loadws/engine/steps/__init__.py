"""Each kind of step -> a coroutine function, compiled before the run. ``compiler`` holds the table."""
