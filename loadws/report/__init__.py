"""RunReport -> files and screens. Every renderer shows the same rows in the same words; none computes a number of its own.

``folder`` is the run folder, ``plain`` makes foreign text harmless, ``causes`` and ``rows`` hold the words and the numbers,
and ``console``, ``live``, ``markdown``, ``junit`` and ``html`` (with ``charts`` and ``script``) decide only how they look.
"""
