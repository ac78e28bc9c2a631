"""An open escalation's packet as a decision finds it now: what can be decided may have moved meanwhile."""

import os
from typing import Any

from graph.packets import as_of
from graph.surroundings import Surroundings
from policies.in_force import Policy
from remit.desk import Desk
from remit.kit import kit_or_what_is_left, secrets_of
from remit.worker.identity import clock
from state.task import Task


def fresh_packet(desk: Desk, packet: dict[str, Any], task: Task) -> dict[str, Any]:
    """``packet`` with the options and the basis of this moment; as it is where nothing is open any more."""
    open_ = task.open_escalation
    if open_ is None or task.unsound or packet.get("id") != open_.id:
        return packet
    policy, secrets = desk.in_force.pinned(task.pins["bundle"]), secrets_of(desk.settings, os.environ)
    kit = kit_or_what_is_left(policy, desk.settings, secrets)

    def present() -> Policy | None:
        ref = kit.policy.runbook.ref
        return desk.in_force.policy(ref) if ref in desk.in_force.runbooks else None

    around = Surroundings(ledger=desk.ledger, policy=kit.policy, plan=kit.plan, present=present)
    moment = around.look(task, at=desk.ledger.now(), clock=clock())
    return as_of(packet, task, kit.plan, moment, escalation=open_.id)
