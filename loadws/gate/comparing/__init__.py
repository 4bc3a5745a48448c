"""Compare runs: the rules, the measured values of each run, the outcome of each rule, and the verdict.

``rules`` reads the rules, ``measured`` looks up a rule's values in runs, ``compare`` judges them, ``absolute`` judges
the thresholds among the rules, ``watched`` finds other values that changed, ``identity`` tells whether two runs may be
compared at all, and ``verdict`` makes one record of all that (``metrics.comparison``). This room neither waits nor
reads files.
"""
