"""How a runbook is proved at this door: what is read, how long, by how many processes, and what is kept.

The proof itself is ``policies.proof``, which knows no clock and no file. Here belong what it is asked about,
the processes that it is spread over, the proofs that are kept, and the gate before an approval.
"""
