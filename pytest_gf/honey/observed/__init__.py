"""The values that clauses judge: what was promised, what was seen, and the trouble with it. Pure, without I/O."""
