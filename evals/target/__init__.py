"""A real HTTP target, in a process of its own, that keeps its own log of what it received and what it did."""
