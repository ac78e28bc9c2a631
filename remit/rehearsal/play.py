"""How one case is played: the request, every claim, every crash and every decision, to the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policies.connector import Connector
from policies.contract import ToolContract
from policies.loader import Loaded
from policies.runbook import Runbook
from remit.rehearsal.form import CaseForm, CrashForm, DecisionForm, WorldForm
from remit.rehearsal.house import DECIDER, Died, House, open_house
from remit.rehearsal.mishaps import Event, Mishaps
from remit.rehearsal.stage import Stage, build, directed
from remit.views import Views
from state.entry import Entry
from state.instants import seconds_between
from state.ledger.port import Signal
from state.task import Task

MOST_CLAIMS: Final = 2_000
MOST_WORLD_S: Final = 40 * 86_400.0
_POINTS: Final[Mapping[str, str]] = {"intent": "intent_durable", "send": "sent", "outcome": "outcome_durable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that one case needs: the runbook, its tools, the world, the inputs."""

    book: Loaded[Runbook]
    connectors: tuple[Connector, ...]
    contracts: tuple[ToolContract, ...]  # of Python tools
    world: WorldForm
    inputs: Mapping[str, Any]
    case: CaseForm

    def stage(self, env: str | None = None) -> Stage:
        """Set its world up; SetupError."""
        return build(self.world, self.connectors, self.contracts, env=env)


@dataclass(kw_only=True)
class Played:
    """What came of a case. ``trouble``: why it could not be played to its end, or says too little."""

    state: str
    reason: str = ""
    effects: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    packet: dict[str, Any] | None = None
    entries: tuple[Entry, ...] = ()
    packet_seq: int = 0
    events: tuple[Event, ...] = ()
    trouble: tuple[str, ...] = ()
    world_s: float = 0.0


def play(scene: Scene) -> Played:
    """Play a case from its request to its end, in no time of ours."""
    return _Play(scene).play()


class _Play:
    def __init__(self, scene: Scene) -> None:
        self._scene, self._case = scene, scene.case
        env = scene.inputs.get("env")
        self._stage = scene.stage(env if isinstance(env, str) else None)
        self._mishaps = Mishaps(
            self._stage, scene.case.all_faults, task=lambda: self._house.task, own=own_service(scene)
        )
        tools = directed(self._stage, self._mishaps.before, self._mishaps.behind)
        self._house: House = open_house(self._stage, tools, scene.book)
        self._crashes = 0
        self._trouble: list[str] = []
        if scene.case.crash is not None:
            self._house.at[_POINTS[scene.case.crash.after]] = self._die_of(scene.case.crash)

    def play(self) -> Played:
        began = self._house.ledger.now()
        submitted = self._house.submit(self._scene.inputs)
        if submitted.rejected is not None:
            return self._played(submitted.run, began)
        for choice in (*self._case.decide, None):
            task = self._until_it_stops(submitted.run)
            if choice is None or task is None or task.open_escalation is None:
                self._say_undecided(next(iter(choice)) if choice else None)
                break
            ((name, form),) = choice.items()
            self._decide(task, name, form or DecisionForm())
        return self._played(submitted.run, began)

    def _until_it_stops(self, run: str) -> Task | None:
        """Carry the run over waits and deaths until it ends or waits for a human; None where it does not."""
        ledger, clock = self._house.ledger, self._stage.world.clock
        began = ledger.now()
        for _ in range(MOST_CLAIMS):
            try:
                task = self._house.carry(run)
            except Died:
                self._house.new_worker()
                continue
            if task.closed is not None or (task.open_escalation is not None and not ledger.signals(run)):
                return task
            due = ledger.info(run).row.due_at
            if due is None or seconds_between(began, due) > MOST_WORLD_S:
                waits = task.waiting.reason if task.waiting is not None else "nothing"
                self._trouble.append(f"it waits for {waits}, which never comes here")
                return None
            clock.advance(max(1, round(seconds_between(ledger.now(), due) * 1000)))
        self._trouble.append(f"it was taken up {MOST_CLAIMS} times and did not end")
        return None

    def _decide(self, task: Task, choice: str, form: DecisionForm) -> None:
        escalation = task.open_escalation
        assert escalation is not None  # noqa: S101 - the caller has looked
        self._stage.world.clock.advance(form.after_ms)
        if form.mended:
            self._mishaps.mend(form.mended)
        ledger, name = self._house.ledger, self._house.new_id()
        body = {
            "escalation": escalation.id, "choice": choice, "basis": escalation.basis,
            "words": {_operation(task, given): word for given, word in form.effect.items()},
            "evidence": form.evidence, "reason": form.reason, "how": "as", "os_user": DECIDER,
        }  # fmt: skip
        ledger.post(Signal(id=name, run=task.run, kind="decide", by=DECIDER, at=ledger.now(), body=body))
        self._house.carry(task.run)
        found = [
            e.body["refused"] for e in ledger.read(task.run) if e.kind == "signal" and e.body["id"] == name
        ]
        refused = found[0]["code"] if found and found[0] else None
        if refused != form.refused:
            said = found[0]["message"] if found and found[0] else "it was taken"
            self._trouble.append(
                f"decision {choice}: {f'refused as {refused}' if refused else 'not refused'} ({said})"
            )

    def _say_undecided(self, choice: str | None) -> None:
        if choice is not None:
            self._trouble.append(f"decision {choice}: the run did not stop for it")

    def _die_of(self, crash: CrashForm) -> Callable[[], None]:
        def die() -> None:
            task = self._house.task
            last = task.operations[-1] if task is not None and task.operations else None
            if crash.step is not None and (last is None or last.step != crash.step):
                return
            self._crashes += 1
            if self._crashes == crash.nth:
                self._mishaps.say(f"crash: the process dies after {crash.after}")
                raise Died

        return die

    def _played(self, run: str, began: str) -> Played:
        views = Views(self._house.ledger, self._house.in_force)
        shown = views.show(run)
        task, record = shown.task, views.record(shown)
        if self._case.crash is not None and self._crashes < self._case.crash.nth:
            self._trouble.append(f"crash after {self._case.crash.after}: it never came to that")
        trouble = [
            *self._trouble,
            *(f"the world shows nothing for {what}" for what in dict.fromkeys(self._stage.unseen)),
        ]
        last = task.escalations[-1] if task.escalations else None
        at_end = task.closed_body.get("packet") is not None
        return Played(
            state=str(record["state"]),
            reason=str(record["reason"] or ""),
            effects=self._stage.effects(),
            requests=self._stage.requests(),
            packet=views.packet(shown),
            entries=tuple(shown.entries),
            packet_seq=task.head.seq if at_end else last.seq if last is not None else 0,
            events=tuple(self._mishaps.events),
            trouble=tuple(trouble),
            world_s=seconds_between(began, self._house.ledger.now()),
        )


def own_service(scene: Scene) -> str:
    """The service that a case is about: the one that its inputs name, else the first of the world."""
    names = [service.name for service in scene.world.services]
    given = [value for value in scene.inputs.values() if value in names]
    return str(given[0]) if given else names[0] if names else ""


def _operation(task: Task, given: str) -> str:
    """An operation by its id, or the newest one of a step."""
    found = [o.id for o in task.operations if given in (o.id, o.step)]
    return found[-1] if found else given
