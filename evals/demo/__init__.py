"""The demo: three acts on a real service manager and a real HTTP target, played by the commands of a user.

Here belongs the world of the demo, its desk and its acts. Here does not belong anything that remit does: what
the acts show comes from ``python -m remit`` in processes of its own, and is judged by what the world saw.
"""
