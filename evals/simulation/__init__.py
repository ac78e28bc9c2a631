"""Simulation: the real nodes, gateway, guards, agents, engine and ledger in worlds made of one number.

Here belong the scheduler, the worlds, the faults and the people of a simulation, and the campaign over many
seeds. What must hold is judged by ``evals.invariants``; simulated targets live in ``tools.sim``.
"""

from evals.simulation.play import Outcome, run_seed

__all__ = ["Outcome", "run_seed"]
