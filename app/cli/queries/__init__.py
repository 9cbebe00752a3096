"""`tollbridge subscription`, `customer` and `timeline`: the workers' queries, for people."""
