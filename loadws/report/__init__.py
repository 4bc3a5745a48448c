"""Render a RunReport as files and on screens. Every renderer shows the same rows in the same words, and computes no
number.

``folder`` is the run folder; ``plain`` makes foreign text harmless; ``facts``, ``timings`` and ``ledger_table`` have
the numbers and the words; ``console``, ``live``, ``markdown``, ``junit`` and ``html`` decide only how they look.
``course`` has the events over time; ``charts`` decides what is drawn, ``svg`` how, and ``drawing`` draws in a process
of its own.
"""
