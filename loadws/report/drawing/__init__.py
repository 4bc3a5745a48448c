"""Charts -> SVG, in a process of their own.

Drawing reads whole logs and holds whole charts. So the process that knows the verdict does not do it: ``draw`` starts
``child``, with limits of time and memory, after everything else of the run is written and said. If the child dies, the
report comes with its tables and says which charts are missing.
"""
