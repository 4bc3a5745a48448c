"""Comparisons of runs: which rules, what each run measured for them, what became of each rule, and the verdict of all.

``rules`` reads the rules, ``measured`` looks a rule's values up in runs, ``compare`` judges them, ``absolute`` judges the
thresholds among the rules, ``watched`` finds what else moved, ``identity`` says whether two runs may be compared at all,
and ``verdict`` makes one record of all that (``metrics.comparison``). Nothing here waits or reads files.
"""
