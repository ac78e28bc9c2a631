"""Which runbooks are explored: one or two steps, each way to settle doubles, each way to undo."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from policies.contract import DedupeKind
from policies.plan import CheckPlan, Plan, PreconditionPlan, StepPlan, WritePlan
from policies.proof.case import Case, Limits
from policies.step import Backoff

__all__ = ["Case", "Limits", "cases", "plan", "step", "write"]

LONGEST_MS: Final = 10_000
_FOREVER_MS: Final = 10**9
_QUICK: Final = Backoff.model_validate({"initial": "1s", "factor": 1, "max": "1s", "jitter": "none"})


def write(
    kind: DedupeKind,
    *,
    sets_state: bool = False,
    probe: bool | None = None,
    checks: bool = True,
    budget: int = 1,
    after: frozenset[str] = frozenset({"not_applied"}),
    undoable: bool = False,
    read_lag_ms: int = 0,
    window_ms: int | None = None,
    child: bool = False,
) -> WritePlan:
    """One write of ``kind``; ``sets_state``: ``read_back`` and repeatable."""
    return WritePlan(
        tool=f"sim.{kind.value}", kind=kind, repeatable=sets_state, timeout_ms=5_000,
        longest_request_ms=LONGEST_MS,
        read_lag_ms=read_lag_ms, window_ms=window_ms,
        has_probe=kind is not DedupeKind.NONE if probe is None else probe,
        probe_tries=2, probe_every_ms=1_000, checks=(CheckPlan(id="there"),) if checks else (), budget=budget,
        retry_after=after, undoable=undoable, child=child, backoff=_QUICK,
    )  # fmt: skip


def step(
    name: str,
    forward: WritePlan,
    undo: WritePlan | None = None,
    *,
    optional: bool = False,
    on_refused: str = "escalate",
) -> StepPlan:
    """One step; undoable where ``undo`` is given."""
    made = replace(forward, undoable=undo is not None)
    return StepPlan(id=name, write=made, undo=undo, optional=optional, on_refused=on_refused)


def plan(
    *steps: StepPlan,
    on_exhausted: str = "escalate",
    preconditions: tuple[PreconditionPlan, ...] = (),
    writes: int = 6,
    deadline_ms: int = _FOREVER_MS,
    grants: int = 1,
) -> Plan:
    """A plan of ``steps`` whose completion asks for the effect of each."""
    return Plan(
        runbook="explored", version=1, steps=steps, preconditions=preconditions,
        completion=tuple(CheckPlan(id=f"{s.id}-there", of_step=s.id if s.optional else None) for s in steps),
        on_exhausted=on_exhausted, deadline_ms=deadline_ms, writes=writes, retry_grants=grants, levels_ms=(),
    )  # fmt: skip


def _kinds() -> dict[str, WritePlan]:
    return {
        "native_key": write(DedupeKind.NATIVE_KEY),
        "native_key_short": write(DedupeKind.NATIVE_KEY, window_ms=80_000),
        "natural_key": write(DedupeKind.NATURAL_KEY),
        "conditional_write": write(DedupeKind.CONDITIONAL_WRITE),
        "read_back": write(DedupeKind.READ_BACK),
        "sets_state": write(
            DedupeKind.READ_BACK, sets_state=True, after=frozenset({"not_applied", "unverified"})
        ),
        "none": write(DedupeKind.NONE),
        "unproven": write(DedupeKind.NONE, checks=False),
    }


def _undos() -> dict[str, WritePlan | None]:
    return {
        "no_undo": None,
        "undo_sets_state": write(DedupeKind.READ_BACK, sets_state=True),
        "undo_read_back": write(DedupeKind.READ_BACK),
        "undo_native_key": write(DedupeKind.NATIVE_KEY),
        "undo_conditional": write(DedupeKind.CONDITIONAL_WRITE),
        "undo_none": write(DedupeKind.NONE),
    }


def _fits(kind: str, undo: str) -> bool:
    """A unique name and a state are undone by setting a state; a condition by another condition."""
    if undo == "no_undo":
        return True
    if kind in ("natural_key", "sets_state"):
        return undo == "undo_sets_state"
    if kind == "conditional_write":
        return undo in ("undo_conditional", "undo_sets_state")
    return undo in ("undo_read_back", "undo_native_key", "undo_none")


def one_step() -> Iterator[Case]:
    """One step of every kind, with every undo that fits, optional, and with a check that fails."""
    for kind, forward in _kinds().items():
        for undo, back in _undos().items():
            if not _fits(kind, undo):
                continue
            yield Case(
                name=f"{kind}/{undo}",
                plan=plan(step("a", forward, back)),
                limits=Limits(idle=int(forward.window_ms is not None)),
            )
            if back is not None:
                yield Case(
                    name=f"{kind}/{undo}/sick",
                    plan=plan(step("a", forward, back), on_exhausted="roll_back"),
                    limits=Limits(sick=2, lies=0, blind=0, refusals=0),
                )
        yield Case(name=f"{kind}/optional", plan=plan(step("a", forward, optional=True)))


def disturbed() -> Iterator[Case]:
    """Cancels, stops, denials, other writers, desk faults, preconditions, budgets, confirmation, refusals."""
    kinds, undos = _kinds(), _undos()
    back = undos["undo_sets_state"]
    state, conditional = kinds["sets_state"], kinds["conditional_write"]
    few = Limits(crashes=0, blind=0, lies=0)
    cancelled = replace(few, cancels=1)
    for name in ("sets_state", "natural_key", "conditional_write"):
        yield Case(name=f"{name}/cancelled", plan=plan(step("a", kinds[name], back)), limits=cancelled)
    yield Case(name="read_back/cancelled", plan=plan(step("a", kinds["read_back"])), limits=cancelled)
    yield Case(
        name="sets_state/denied", plan=plan(step("a", state, back), on_exhausted="roll_back"),
        limits=replace(cancelled, denials=1),
    )  # fmt: skip
    yield Case(
        name="native_key/denied",
        plan=plan(step("a", kinds["native_key"])),
        limits=replace(few, denials=1, crashes=1),
    )
    yield Case(
        name="sets_state/held_back", plan=plan(step("a", state, back), on_exhausted="roll_back"),
        limits=replace(few, holds_back=1, crashes=1),
    )  # fmt: skip
    yield Case(
        name="native_key/held_back", plan=plan(step("a", kinds["native_key"])),
        limits=replace(few, holds_back=1, crashes=1),
    )  # fmt: skip
    yield Case(
        name="conditional_write/others", plan=plan(step("a", conditional, undos["undo_conditional"])),
        limits=replace(few, others=1, crashes=1, decisions=2),
    )  # fmt: skip
    yield Case(
        name="sets_state/desk_fault", plan=plan(step("a", replace(state, budget=0))),
        limits=replace(few, pauses=99, refusals=0),
    )  # fmt: skip
    yield Case(
        name="sets_state/refused_back",
        plan=plan(step("a", state, back), step("b", kinds["read_back"], on_refused="roll_back")),
        limits=few,
    )
    yield Case(
        name="sets_state/refused_leave",
        plan=plan(step("a", state, back), step("b", kinds["read_back"], on_refused="leave", optional=True)),
        limits=few,
    )
    yield Case(name="sets_state/confirm", plan=plan(step("a", state, back)), limits=cancelled, mode="confirm")
    yield Case(
        name="native_key/confirm", plan=plan(step("a", kinds["native_key"])), limits=replace(few, crashes=1),
        mode="confirm",
    )  # fmt: skip
    for otherwise in ("escalate", "complete", "reject"):
        needed = PreconditionPlan(id="needed", otherwise=otherwise, tries=2)
        yield Case(
            name=f"sets_state/precondition_{otherwise}", limits=replace(few, blind=2, others=1, refusals=0),
            plan=plan(step("a", state, back), step("b", replace(state, budget=0)), preconditions=(needed,)),
        )  # fmt: skip
    yield Case(
        name="sets_state/short_deadline", limits=few,
        plan=plan(step("a", state, back), step("b", state), deadline_ms=500, on_exhausted="roll_back"),
    )  # fmt: skip
    yield Case(
        name="sets_state/few_writes", limits=few,
        plan=plan(step("a", state, back), step("b", state, optional=True), writes=1),
    )  # fmt: skip
    yield Case(
        name="sets_state/poison", plan=plan(step("a", replace(state, budget=0))),
        limits=replace(few, crashes=7, hosts="A", refusals=0, poison=True),
    )  # fmt: skip


def seen_late() -> Iterator[Case]:
    """Reads that show the past for a while, and humans who do by hand what the run could not."""
    few = Limits(blind=0, lies=0)
    for name, undo in (("sets_state", True), ("read_back", False), ("conditional_write", True)):
        late = replace(_kinds()[name], read_lag_ms=3_000)
        back = replace(write(DedupeKind.READ_BACK, sets_state=True), read_lag_ms=3_000) if undo else None
        yield Case(name=f"late:{name}", plan=plan(step("a", late, back)), limits=few)
        yield Case(
            name=f"late:{name}/failing",
            plan=plan(step("a", late, back), step("b", replace(late, budget=0)), on_exhausted="roll_back"),
            limits=replace(few, crashes=0, decisions=0),
        )
    back = write(DedupeKind.READ_BACK, sets_state=True)
    for name in ("sets_state", "natural_key"):
        yield Case(
            name=f"mended:{name}", plan=plan(step("a", _kinds()[name], back)),
            limits=replace(few, repairs=1, decisions=2),
        )  # fmt: skip


def two_steps() -> Iterator[Case]:
    """Two steps, with what is due to be undone below something that cannot, and between two hosts."""
    kinds, undos = _kinds(), _undos()
    firsts = (
        ("sets_state", "undo_sets_state"),
        ("read_back", "undo_read_back"),
        ("natural_key", "undo_sets_state"),
    )
    for first, undo in firsts:
        for second in ("sets_state", "read_back", "native_key", "none"):
            for back in ("no_undo", "undo_sets_state" if second == "sets_state" else "undo_read_back"):
                steps = (
                    step("a", kinds[first], undos[undo]),
                    step("b", replace(kinds[second], budget=0), undos[back]),
                )
                yield Case(
                    name=f"{first}/{undo}+{second}/{back}", plan=plan(*steps, on_exhausted="roll_back"),
                    limits=Limits(blind=0, lies=0, refusals=0),
                )  # fmt: skip


def twice() -> Iterator[Case]:
    """One step of each kind under two crashes and two decisions."""
    for case in one_step():
        if case.name.endswith("no_undo"):
            yield replace(
                case,
                name=f"twice:{case.name}",
                limits=Limits(crashes=2, decisions=2, lies=0, blind=0, refusals=0),
            )


def cases() -> Iterator[Case]:
    """Every case, the cheap ones first."""
    yield from disturbed()
    yield from one_step()
    yield from seen_late()
    yield from two_steps()
    yield from twice()
