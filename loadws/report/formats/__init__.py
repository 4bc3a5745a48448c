"""The files that are made of a finished run for other programs: one file of code for each format, and the table of them."""
