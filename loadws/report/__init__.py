"""RunReport -> files and screens. Every renderer shows the same rows in the same words, and computes no number of its own.

``folder`` is the run folder; ``plain`` makes foreign text harmless; ``rows``, ``timings`` and ``balance`` hold
the numbers and the words; ``console``, ``live``, ``markdown``, ``junit`` and ``html`` (with ``charts``, ``vegalite`` and
``script``) decide only how they look.
"""
