"""What people may do while a run waits for them: say that a process is dead, let time pass, decide, confirm.

They never say what is not so: a word on an open effect is the truth, or that it is unknown. Who states that a
process is dead has seen to it.
"""

from collections.abc import Iterator
from dataclasses import replace

from policies import flight
from policies import move as moves
from policies.decisions import Proposal, basis, judge, offers, unsettled
from policies.proof.case import Case, fewer
from policies.proof.looks import seen
from policies.proof.scene import Next, Scene
from policies.proof.tell import operation_of, seconds
from policies.proof.world import at_time, done_by_others, fenced
from policies.situation import Situation
from state import bodies
from state.entry import Draft, Role
from state.outcome import Outcome
from state.task import Operation

_DECIDERS = frozenset({"oncall"})
_LONG_MS = 200_000
_SETTLES = {"applied": Outcome.SUCCEEDED, "not_applied": Outcome.NOT_APPLIED}


def at_rest(scene: Scene) -> bool:
    """Nobody is being asked, and everything is prepared: a good moment for something to come in."""
    return scene.task.surveyed and scene.task.open_escalation is None


def human_acts(scene: Scene, case: Case, move: moves.Wait) -> Iterator[Next]:
    """Everything that people may do about this wait."""
    if move.reason == "confirmation":
        yield from _confirms(scene, move)
        return
    yield from _attests(scene)
    yield from _repairs(scene, case)
    yield from _decides(scene, case)


def _confirms(scene: Scene, move: moves.Wait) -> Iterator[Next]:
    for answer in ("yes", "no"):
        said = _signal(scene, "confirm", {"op": move.detail, "answer": answer})
        yield f"a human answers {answer}", scene.append(said)
    assert move.ms is not None  # noqa: S101 what is asked for expires
    later = scene.now + move.ms
    for world in at_time(scene.world, later):
        yield "nobody confirms", replace(scene, now=later, world=world)


def _signal(scene: Scene, kind: str, body: dict[str, object]) -> Draft:
    return bodies.signal(id=f"s{scene.task.signals}", kind=kind, by="alice", at=scene.at, body=body)


def _attests(scene: Scene) -> Iterator[Next]:
    task, moment = scene.task, scene.moment
    epochs = sorted(
        {a.epoch for o in task.operations for a in flight.unproven(task, o, moment)} - set(task.attested)
    )
    if not epochs:
        return
    clock = scene.clock
    said = _signal(scene, "attest", {"epochs": epochs, "clock": {"boot_id": clock.boot_id, "ms": clock.ms}})
    world = fenced(scene.world, frozenset(epochs), scene.now, children=True)
    who = " and ".join(f"worker {epoch}" for epoch in epochs)
    yield f"a human has seen to it that {who} is dead, and says so", scene.append(said, world=world)


def _repairs(scene: Scene, case: Case) -> Iterator[Next]:
    """By hand, and only where the run has not done it: nobody does twice what is there."""
    if not scene.left.repairs or not case.settable:
        return
    left = replace(scene.left, repairs=fewer(scene.left.repairs))
    yield (
        "a human does it by hand",
        replace(scene, world=done_by_others(scene.world, case.settable), left=left),
    )


def _decides(scene: Scene, case: Case) -> Iterator[Next]:
    task, plan, moment = scene.task, case.plan, scene.moment
    escalation = task.open_escalation
    assert escalation is not None  # noqa: S101 only then a human is waited for
    offered = offers(task, plan, moment)
    waits = {o.not_before_ms for o in offered if o.allowed and o.not_before_ms}
    for ms in waits:
        later = scene.now + ms
        for world in at_time(scene.world, later):
            yield f"{seconds(ms)} pass", replace(scene, now=later, world=world)
    if scene.left.idle:
        left, later = replace(scene.left, idle=fewer(scene.left.idle)), scene.now + _LONG_MS
        for world in at_time(scene.world, later):
            yield "a long time passes", replace(scene, now=later, world=world, left=left)
    if not scene.left.decisions:
        return
    open_now = unsettled(Situation(task=task, plan=plan, moment=moment))
    truth = {o.id: _truth(scene, o) for o in open_now}
    unknown = dict.fromkeys(truth, "unknown")
    left = replace(scene.left, decisions=fewer(scene.left.decisions))
    rests_on = basis(task)
    for choice in [offer.id for offer in offered if offer.allowed]:
        for words in ({}, truth, unknown) if truth else ({},):
            proposal = Proposal(
                escalation=escalation.id, choice=choice, by="alice", basis=rests_on,
                words=words,
                evidence=True,
            )  # fmt: skip
            if judge(task, plan, moment, proposal, roles=_DECIDERS, deciders=_DECIDERS) is None:
                yield _said(scene, case, proposal), replace(_taken(scene, proposal), left=left)


def _said(scene: Scene, case: Case, proposal: Proposal) -> str:
    words = "".join(
        f", and says of {operation_of(scene.task, case.plan, op)}: {word}"
        for op, word in proposal.words.items()
    )
    return f"a human decides {proposal.choice}{words}"


def _truth(scene: Scene, operation: Operation) -> str:
    return "applied" if "applied" in seen(scene, scene.world, operation) else "not_applied"


def _taken(scene: Scene, proposal: Proposal) -> Scene:
    drafts = [_signal(scene, "decide", {"choice": proposal.choice})]
    for op, word in proposal.words.items():
        doubtful = [a.number for a in scene.task.operation(op).attempts if a.undecided]
        open_ = scene.task.operation(op).settled is None
        drafts.append(
            bodies.reconciled(
                actor="alice", role=Role.HUMAN, op=op, by="human", verdict=word,
                settles=_SETTLES.get(word) if open_ else None, grounded=doubtful,
                observed="", licence="word", facts={}, evidence="sha256:0",
            )
        )  # fmt: skip
    drafts.append(
        bodies.decided(
            id=f"D{len(scene.task.escalations)}", escalation=proposal.escalation, choice=proposal.choice,
            by="alice",
            basis=proposal.basis, words=dict(proposal.words), evidence="sha256:0", reason="",
        )
    )  # fmt: skip
    return scene.append(*drafts)
