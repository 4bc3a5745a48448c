"""Terms that everything else uses: errors, units, metrics, percentiles, rules. Imports no other part of loadws."""
