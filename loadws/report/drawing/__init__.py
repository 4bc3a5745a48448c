"""Charts -> SVG, in a process of their own.

The library that draws is V8 with Vega in it: it needs hundreds of megabytes, reserves gigabytes of addresses, and where it
cannot have them it ends its process. So the process that knows the verdict never imports it: ``draw`` starts ``child``, with
limits of time and memory, after everything else of the run is written and said.
"""
