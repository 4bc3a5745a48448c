"""Terms that every room uses: errors, units, metrics, percentiles, rules. This room imports no other."""
