"""How we know: benchmarks, seeded faults and the checks that judge remit from outside.

Here belongs what measures remit or tries to break it and reports what it found. Here does not belong anything
that the other rooms need to run: nothing imports this room.
"""
