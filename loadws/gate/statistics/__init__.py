"""The statistics of comparisons, in pure Python. Each file states formula and source; only ``loadws.terms`` is
imported.

A *change* is the difference between the baseline and the candidate, on a scale where changes add up: the logarithm of
the ratio for a rule in percent, the difference for any other (``changes``). NaN is an unknown change, because a value
is missing on one side or infinite on both: it is left out of the estimate, and no comparison with one passes
(``outcome``).
"""
