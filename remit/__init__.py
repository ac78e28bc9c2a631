"""The doors: the command line, the settings, and the one place that knows every concrete class.

Here belong the commands and what they print, ``bootstrap`` (which wires ledger, gateway, agents and graph
together), the worker and the demo. Here does not belong a rule: doors ask the rooms behind them. Importing
this package loads none of those rooms, so that the command line starts at once.
"""
