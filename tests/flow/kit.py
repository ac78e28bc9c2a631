"""What flows share: a real desk on SQLite, a real target process, and the hands of everybody around a run."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ulid import ULID

import remit.desk
from agents.models.port import Model
from evals.storm.desk import DEDUPE, READ_TOKEN, VERBS, WRITE_TOKEN
from evals.storm.target import Target, running_target
from graph.runner import run_graph
from policies.proof.proof import Proof, RollbackReach, Verdict
from policies.proof.prover import Depth
from remit.bootstrap import App, open_app
from remit.folder import Candidate
from remit.intake.principal import Asker
from remit.intake.requests import Intake, Request, Submitted
from remit.proving.gate import Proven
from remit.settings import load
from remit.views import Views
from remit.worker.engine import Engine
from remit.worker.identity import Identity
from state.entry import Entry
from state.fold import fold
from state.instants import after
from state.ledger.port import Signal
from state.packet import check_packet
from state.projection import row_of
from state.task import Task

GOAL: Final = 5
SECRETS: Final = {
    "REMIT_SECRET_THINGS_WRITE": f"Bearer {WRITE_TOKEN}",
    "REMIT_SECRET_THINGS_READ": f"Bearer {READ_TOKEN}",
}
_THING: Final = {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"}
_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": 1000}
_RESULT: Final = {"id": "string", "value": "integer", "version": "integer", "etag": "string"}
NO_UNDO: Final = {"possible": False, "why": "A sum is not taken back."}
PROBE: Final = {
    "observe": "seen",
    "applied_when": "seen.value == attempt.seen.value + inputs.goal",
    "absent_when": "seen.value == attempt.seen.value",
    "tries": {"max": 2, "every": "100ms"},
}
SET_PROBE: Final = {
    "observe": "seen",
    "applied_when": "seen.value == inputs.goal",
    "absent_when": "seen.value == attempt.seen.value && seen.version == attempt.seen.version",
    "tries": {"max": 2, "every": "100ms"},
}
QUICK: Final = {"initial": "1ms", "factor": 1, "max": "1ms", "jitter": "none"}


def step(name: str = "add", kind: str = "read_back", **changes: Any) -> dict[str, Any]:
    """One write: ``kind`` is a dedupe kind that adds the goal, or ``set``, which sets it."""
    tool = "things.set" if kind == "set" else f"things.add_{kind}"
    given = {"thing": "{inputs.thing}", "number": "{inputs.goal}"}
    if kind == "conditional_write":
        given["etag"] = "{attempt.seen.etag}"
    made = {
        "id": name,
        "tool": tool,
        "with": given,
        "timeout": "5s",
        "probe": SET_PROBE if kind == "set" else PROBE,
        "retry": {"budget": 1, "after": ["not_applied"], "backoff": QUICK},
        "verify": [{"id": f"{name}-done", "expect": "seen.value == inputs.goal"}],
        "rollback": NO_UNDO,
    }
    if kind == "none":
        del made["probe"]
    return {k: v for k, v in {**made, **changes}.items() if v is not None}


def book(name: str, *steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A runbook that brings a thing from 0 to the goal; ``changes`` replace whole parts of it."""
    steps = steps or (step(),)
    tools = {s["tool"] for s in steps} | {s["rollback"]["tool"] for s in steps if "tool" in s["rollback"]}
    writes = sum((1 + s["retry"]["budget"]) * s.get("for_each", {"max": 1})["max"] for s in steps)
    made = {
        "schema": "remit/runbook/v1",
        "id": name,
        "version": 1,
        "title": "Bring a thing to a number",
        "owner": "role:owner",
        "triggers": {},
        "inputs": {"thing": _THING, "goal": {**_NUMBER, "minimum": 1}},
        "observe": {
            "seen": {"tool": "things.get", "with": {"thing": "{inputs.thing}"}},
            "flag": {"tool": "things.get", "with": {"thing": "{inputs.thing}-flag"}},
        },
        "authority": {"tools": sorted({"things.get", *tools})},
        "limits": {"deadline": "10m", "writes": writes},
        "preconditions": [{"id": "untouched", "expect": "seen.value == 0", "otherwise": "escalate"}],
        "steps": list(steps),
        "completion": [{"id": "at-goal", "expect": "seen.value == inputs.goal"}],
        "on_exhausted": "escalate",
        "escalation": {
            "levels": [{"to": "role:oncall", "within": "1h"}],
            "severity": "low",
            "grants": {"retry_once": 1},
        },
    }
    return {k: v for k, v in {**made, **changes}.items() if v is not None}


def limits(writes: int, **changes: Any) -> dict[str, Any]:
    """The limits of a runbook."""
    return {"deadline": "10m", "writes": writes, **changes}


def levels(*spans: str, grants: int = 1) -> dict[str, Any]:
    """An escalation whose levels have so long each."""
    told = [
        {"to": f"role:{who}", "within": span}
        for who, span in zip(("oncall", "lead", "head"), spans, strict=False)
    ]
    return {"levels": told, "severity": "low", "grants": {"retry_once": grants}}


def _connector() -> dict[str, Any]:
    def write(name: str, path: str, dedupe: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "effect": "write",
            "resource": "thing/{thing}",
            "arguments": {"thing": _THING, "number": _NUMBER, **more.pop("arguments", {})},
            "request": {
                "method": "POST",
                "path": path,
                "json": {"number": "{number}"},
                **more.pop("request", {}),
            },
            "timeout": "5s",
            "dedupe": dedupe,
            "longest_request": "200ms",
            "answers": {"succeeded": [200], "refused": [400, 422], "not_applied": [429, 503]},
            "result": _RESULT,
            **more,
        }

    read = {
        "name": "things.get",
        "effect": "read",
        "arguments": {"thing": _THING},
        "request": {"method": "GET", "path": "/things/{thing}"},
        "timeout": "5s",
        "answers": {"succeeded": [200]},
        "result": {**_RESULT, "exists": "boolean"},
    }
    tools = [read, write("things.set", "/read_back/{thing}/set", {"kind": "read_back"}, repeatable=True)]
    for kind in DEDUPE:
        path = f"/{kind}/{{thing}}/{VERBS.get(kind, 'add')}"
        if kind == "conditional_write":
            more = {
                "arguments": {"etag": {"type": "string", "pattern": "^v[0-9]+$"}},
                "request": {"headers": {"If-Match": "{etag}"}},
            }
        else:
            more = {}
        tools.append(write(f"things.add_{kind}", path, _dedupe(kind), **more))
    return {
        "schema": "remit/connector/v1",
        "connector": "things",
        "kind": "http",
        "base_url": "${THINGS_URL}",
        "credentials": {
            "executor": {"header": "Authorization", "secret": "things_write"},
            "verifier": {"header": "Authorization", "secret": "things_read"},
        },
        "tools": tools,
    }


def _dedupe(kind: str) -> dict[str, Any]:
    return {
        "native_key": {"kind": kind, "header": "Idempotency-Key", "window": "24h", "on_mismatch": "error"},
        "natural_key": {"kind": kind, "name": "thing"},
        "conditional_write": {"kind": kind, "condition": "etag"},
    }.get(kind, {"kind": kind})


def in_its_folder() -> str | None:
    """A desk keeps its ledger in its own folder, unless it is told another place."""
    return None


ledger_of_a_desk: Callable[[], str | None] = in_its_folder


def write_desk(
    folder: Path,
    books: Sequence[Mapping[str, Any]],
    *,
    entries: Mapping[str, Mapping[str, Any]] | None = None,
    settings: str = "",
    modules: Mapping[str, str] | None = None,
) -> None:
    """Write the files of a desk; JSON is YAML. ``entries``: what of a runbook's delegation differs."""
    for name in ("runbooks", "connectors"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "connectors" / "things.yaml").write_text(json.dumps(_connector()))
    for one in books:
        (folder / "runbooks" / f"{one['id']}.yaml").write_text(json.dumps(one))
    for name, text in (modules or {}).items():
        (folder / f"{name}.py").write_text(text)
    principals = {
        "ann": {"roles": ["operator"], "os": ["ann"]},
        "bob": {"roles": ["oncall"], "os": ["bob"]},
        "eve": {"roles": ["oncall"], "os": ["eve"]},
        "sue": {"roles": ["owner"], "os": ["sue"]},
        "tom": {"roles": ["guest"], "os": ["tom"]},
    }
    delegation = {
        "schema": "remit/delegation/v1",
        "principals": principals,
        "delegate": [
            {
                "runbook": f"{one['id']}@1",
                "mode": "delegated",
                "request": ["operator"],
                "decide": ["oncall"],
                "target": "things/{inputs.thing}",
                "targets": ["things/*"],
                "resources": {"things/*": ["thing/*"]},
                "concurrency": 1000,
                **(entries or {}).get(one["id"], {}),
            }
            for one in books
        ],
        "approval": {"approvers": ["owner"], "not_author": False},
    }
    (folder / "delegation.yaml").write_text(json.dumps(delegation))
    named = ", ".join(f'"{name}"' for name in modules or {})
    tools = f"[tools]\nmodules = [{named}]\n" if modules else ""
    ledger = ledger_of_a_desk()
    where = f'ledger = "{ledger}"\n' if ledger else ""
    (folder / "remit.toml").write_text(
        where + settings + tools + "[worker]\nthreads = 24\nlease_s = 60\npoll_s = 0.05\n"
    )


class NotAsked:
    """Stands where the prover does: runbooks of flows go wrong on purpose. Their approvals say so."""

    def prove_candidate(self, candidate: Candidate) -> Proven:
        """Nothing was looked at."""
        proof = Proof(
            runbook=candidate.bundle.scope, depth=Depth.QUICK, verdict=Verdict.NOT_EXHAUSTED, states=0,
            campaigns=(), broken=(), endings=(), effects=(), rows=(), rollback=RollbackReach.NOT_ASKED,
            notes=(), trusted=(), bounds=("nothing was asked",), not_modelled=(),
        )  # fmt: skip
        return Proven(proof=proof)


UNPROVED: Final[dict[str, Any]] = {"prover": NotAsked(), "accepted": "a test"}


def approve(folder: Path, target: Target | None) -> None:
    """Approve everything that lies in ``folder``, as its owner does."""
    desk = remit.desk.Desk.open(load(folder), environ={"THINGS_URL": url(target)})
    try:
        assert not desk.proposed.problems, "\n".join(map(str, desk.proposed.problems))
        asker = Asker(name="sue", how="as", os_user="sue")
        done = desk.approve(desk.changes(), asker, **UNPROVED)
        assert [d.verdict for d in done if d.state != "approved"] == []
    finally:
        desk.close()


def url(target: Target | None) -> str:
    """Where the target listens."""
    return f"http://127.0.0.1:{target.port}" if target else "http://127.0.0.1:9"


class Killed(BaseException):
    """The process dies here: nothing behind this point happens."""


def die() -> None:
    """End the process here."""
    raise Killed


@dataclass(kw_only=True)
class House:
    """A desk at work. ``at``: (run, point) -> what happens there, once, in the thread of the run."""

    app: App
    engine: Engine
    target: Target
    at: dict[tuple[str, str], Callable[[], None]] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)  # things that were changed after their run had completed
    _here: threading.local = field(default_factory=threading.local)

    # what happens
    def paused(self, point: str) -> None:
        """Called at the named points of every run."""
        act = self.at.pop((getattr(self._here, "run", ""), point), None)
        if act is not None:
            act()

    def watch(self, task: Task) -> None:
        """Remember which run this thread carries."""
        self._here.run = task.run

    def submit(
        self, runbook: str, thing: str, *, goal: int = GOAL, by: str = "ann",
        faults: Sequence[dict[str, Any]] = (), **inputs: Any,
    ) -> str:  # fmt: skip
        """Ask for a run as a person does; its id."""
        if faults:
            self.fault(thing, *faults)
        done = self.ask(runbook, thing, goal=goal, by=by, **inputs)
        assert done.rejected is None, done.rejected
        return done.run

    def ask(self, runbook: str, thing: str, *, goal: int = GOAL, by: str = "ann", **inputs: Any) -> Submitted:
        """Ask for a run; what became of the request."""
        intake = self.intake()
        asker = Asker(name=by, how="as", os_user=by)
        wanted = {"thing": thing, "goal": goal, **inputs}
        return intake.submit(
            intake.read(Request(asker=asker, source="cli", runbook=runbook, inputs=wanted, text_door=False))
        )

    def intake(self) -> Intake:
        """The door that requests come through."""
        return Intake(
            ledger=self.app.ledger, in_force=self.app.policies.now, model=self.app.model,
            new_id=lambda: str(ULID()), sealed=self.app.sealed, code="test",
        )  # fmt: skip

    def fault(self, thing: str, *faults: dict[str, Any]) -> None:
        """What happens to the next requests about ``thing``."""
        self.target._post("/control/plan", {thing: list(faults)})

    def drain(self) -> None:
        """Work until nothing is left to do by itself."""
        self.engine.drain(self.watch)

    def work(self, run: str) -> Task:
        """Carry one run until it leaves; the task as it then stands."""
        self.engine.work(run, self.watch)
        return self.task(run)

    def follow(self, run: str) -> Task:
        """Carry one run until it has ended or waits for a human."""
        return self.engine.follow(run, self.watch)

    def carry(self, runbook: str, thing: str, **said: Any) -> tuple[str, Task]:
        """Ask for a run and carry it until it ends or waits for a human."""
        run = self.submit(runbook, thing, **said)
        return run, self.follow(run)

    def carried_elsewhere(self, run: str, *, until: str) -> None:
        """Carry ``run`` as a process of another pid namespace would, which is gone at the point ``until``."""
        own = self.engine.claimant
        worker = replace(own.identity.worker, id=f"w-else-{run}", pid_ns="pid:[1]")
        self.app.ledger.register(replace(worker, lease_s=0.5))
        elsewhere = replace(own, identity=Identity(worker=worker, lock=-1))
        holder = elsewhere.take(run)
        assert holder is not None
        session = self.app.session(holder, own.lease, time.sleep)
        self._here.run = run
        self.at[run, until] = die
        try:
            run_graph(session)
        except Killed:
            self.app.ledger.forget(worker.id)
        else:
            raise AssertionError(f"it never came to {until}")

    def settled(self, run: str) -> bool:
        """Its quarantines are over: a human's word is taken from now on."""
        sent = [a for o in self.task(run).operations for a in o.attempts]
        over = max(after(a.at, a.span_ms / 1000 + 0.3) for a in sent)
        return self.app.ledger.now() > over

    # what is said
    def say(self, run: str, kind: str, body: Mapping[str, Any] | None = None, *, by: str = "bob") -> str:
        """Post a signal, as the command line does; its id."""
        name = str(ULID())
        said = {"how": "as", "os_user": by}
        self.app.ledger.post(
            Signal(
                id=name, run=run, kind=kind, by=by, at=self.app.ledger.now(), body={**(body or {}), **said}
            )
        )
        return name

    def decide(
        self, run: str, choice: str, *, by: str = "bob", basis: str | None = None,
        words: Mapping[str, str] | None = None, evidence: str | None = None, escalation: str | None = None,
    ) -> str:  # fmt: skip
        """Post a decision as ``remit esc`` does; the id of the signal."""
        last = self.task(run).escalation
        assert last is not None
        body = {
            "escalation": escalation or last.id, "choice": choice, "basis": basis or last.basis,
            "words": dict(words or {}), "evidence": evidence, "reason": "as it must be",
        }  # fmt: skip
        return self.say(run, "decide", body, by=by)

    def answer(self, run: str, signal: str) -> str:
        """What became of a signal: the code of its refusal, or ``taken``."""
        for entry in self.app.ledger.read(run):
            if str(entry.kind) == "signal" and entry.body["id"] == signal:
                refused = entry.body["refused"]
                return str(refused["code"]) if refused else "taken"
        return "not folded"

    # what is there to see
    def task(self, run: str) -> Task:
        """The run, folded from its entries."""
        return fold(self.app.ledger.read(run), run)

    def entries(self, run: str, *kinds: str) -> list[Entry]:
        """The entries of a run, of some kinds."""
        return [e for e in self.app.ledger.read(run) if not kinds or str(e.kind) in kinds]

    def packet(self, run: str) -> dict[str, Any]:
        """The newest packet of a run."""
        views = self.views()
        found = views.packet(views.show(run))
        assert found is not None
        return found

    def views(self) -> Views:
        """What the command line shows."""
        return Views(self.app.ledger, self.app.policies.now())

    def record(self, run: str) -> dict[str, Any]:
        """The completion record of a run."""
        views = self.views()
        return views.record(views.show(run))

    def requests(self, thing: str) -> list[dict[str, Any]]:
        """Every write request that the target has received for ``thing``."""
        return [
            e for e in self.target.journal()
            if e["event"] == "request" and e["method"] == "POST" and f"/{thing}/" in e["path"]
        ]  # fmt: skip

    def sends(self, thing: str) -> list[tuple[str, str]]:
        """The write requests for ``thing``, as path and body: what was asked, in order."""
        return [(e["path"], e["body"]) for e in self.requests(thing)]

    def effects(self, thing: str) -> list[int]:
        """What ``thing`` was made by each request that took effect."""
        return [e["after"] for e in self.target.journal() if e["event"] == "effect" and e["thing"] == thing]

    # what must hold after every flow
    def check(self) -> None:
        """The ledger is sound, rows follow from entries, packets are fit, records are made, ends are true."""
        ledger, views = self.app.ledger, self.views()
        assert [f for f in ledger.verify() if f.certain] == []
        journal = self.target.journal()
        values = _values(journal)
        sent = Counter(
            e["path"].split("/")[2] for e in journal if e["event"] == "request" and e["method"] == "POST"
        )
        intents: Counter[str] = Counter()
        for info in views.runs(_everything()):
            shown = views.show(info.run)
            task = shown.task
            assert not task.unsound, task.unsound
            row = row_of(task)
            known = ledger.info(info.run).row
            touched = tuple(sorted({*row.resources, *row.holds, *(r for r, *_ in row.attempts)}))
            assert replace(row, resources=touched) == replace(known, resources=tuple(sorted(known.resources)))
            record = views.record(shown)
            if task.closed or task.open_escalation:
                assert record["state"] == (task.closed or "escalated")
            packets = [(e.packet, e.seq) for e in task.escalations]
            packets += [(task.closed_body["packet"], task.head.seq)] if task.closed_body.get("packet") else []
            for digest, seq in packets:
                text = ledger.payload(digest)
                assert text is not None
                assert check_packet(json.loads(text), [e for e in shown.entries if e.seq < seq]) == []
            thing = str(task.inputs.get("thing", ""))
            for operation in task.operations:
                for attempt in operation.attempts:
                    intents[str(attempt.arguments.get("thing", ""))] += attempt.outcome != "not_sent"
            if task.closed == "completed" and thing:
                assert record["final"]
                assert {f["verdict"] for f in record["final"]} == {"pass"}
                if task.ended_at and thing not in self.moved:
                    assert values.get(thing) == task.inputs["goal"], (info.run, thing)
        for thing, count in sent.items():
            if thing in intents:
                assert count <= intents[thing], thing


def _everything() -> Any:
    from state.ledger.port import Query

    return Query()


def _values(journal: list[dict[str, Any]]) -> dict[str, int]:
    values: dict[str, int] = {}
    for event in journal:
        if event["event"] in ("effect", "outside"):
            values[event["thing"]] = event["after"]
    return values


@contextmanager
def at_work(
    folder: Path,
    target: Target,
    *,
    model: Model | None = None,
    environ: Mapping[str, str] | None = None,
    check: bool = True,
) -> Iterator[House]:
    """Open the desk in ``folder`` with a worker of its own; afterwards ``check`` that what must hold does."""
    points: list[Callable[[str], None]] = [lambda point: None]
    settings = load(folder)
    if environ and "REMIT_MODEL" in environ:
        settings = settings.model_copy(update={"model": environ["REMIT_MODEL"]})
    with (
        open_app(
            settings,
            environ={**SECRETS, **(environ or {})},
            pauses=lambda point: points[0](point),  # noqa: PLW0108 - the house is made behind the app
            model=model,
        ) as app,
        app.engine() as engine,
    ):
        house = House(app=app, engine=engine, target=target)
        points[0] = house.paused
        yield house
        if check:
            house.check()


@contextmanager
def own_target(folder: Path) -> Iterator[Target]:
    """A target process with a log of its own."""
    with running_target(folder / "target.log") as target:
        yield target


def until(true: Callable[[], Any], *, within_s: float = 10.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)
