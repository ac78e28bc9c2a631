"""Every place where a process can die: enumerated from a first run, died at, judged by the target's log."""
