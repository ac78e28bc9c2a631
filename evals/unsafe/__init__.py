"""Runbooks and contracts that must not be approved: one flaw a folder, with the counterexample that tells it.

Here belong deliberately unsafe files and what is expected of lint and proof. Each is mended by one line,
and is then proved: what finds the flaw finds nothing else.
"""
