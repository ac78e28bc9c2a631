"""The storm: real processes killed at every point against a real target, judged from the target's own log."""
