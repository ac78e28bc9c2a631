"""Wrong rules, one at a time: each must be noticed by some invariant, or the checker proves nothing."""
