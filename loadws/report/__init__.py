"""RunReport -> files and screens. Every renderer shows the same rows in the same words, and computes no number of its own.

``folder`` is the run folder; ``plain`` makes foreign text harmless; ``facts``, ``timings`` and ``ledger_table`` hold the
numbers and the words; ``console``, ``live``, ``markdown``, ``junit`` and ``html`` decide only how they look. ``course`` is
what happened when; ``charts`` says what is drawn, ``svg`` how, and ``drawing`` does it in a process of its own.
"""
