"""One file for each kind of target. An adapter turns a target's answers into replies and decides nothing."""
