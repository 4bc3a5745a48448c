"""What to write instead: the advice for keys, steps, values and indentation that a scenario file gets wrong."""
