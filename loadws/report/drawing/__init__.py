"""Draw charts as SVG, in a process of their own.

Drawing reads whole logs and needs much memory. So the process that knows the verdict does not do it: ``draw`` starts
``child``, with limits of time and memory, after everything else of the run is written and printed. If the child dies,
the report has its tables and names the charts that are missing.
"""
