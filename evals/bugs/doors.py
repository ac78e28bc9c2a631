"""Bugs of the doors: what leaves the gateway, what agents say, and what the ledger takes."""

# ruff: noqa: SLF001 - a bug is put where the rule is

import importlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from evals.bugs.bug import Bug, Swap, bug
from evals.bugs.core import with_row, without_guards
from graph.surroundings import Surroundings
from policies.move import Hold
from policies.moves import table
from state import bodies, canonical, holder
from state.entry import Draft, Entry, Head, Role, seal
from state.ledger import refusals
from state.ledger.chain import sealed
from state.ledger.memory import MemoryLedger
from state.outcome import Outcome
from tools import gateway
from tools.gateway import Gateway


def sending(wrong: Callable[[Any], Any]) -> Sequence[Swap]:
    """What every tool of a simulated world sends with, made wrong by ``wrong``."""
    tool = importlib.import_module("evals.simulation.wire").WiredTool  # those worlds know the bugs already
    return [(tool, "send", wrong(tool.send))]


def body(name: str, change: Any) -> Sequence[Swap]:
    """The constructor of a body, of which ``change`` changes what it is given."""
    right = getattr(bodies, name)
    return [(bodies, name, lambda **given: right(**{**given, **change(given)}))]


@bug("intent_after_send", "gateway", "the request leaves before its intent is durable")
def intent_after_send() -> Sequence[Swap]:
    """It is sent, and then once more nothing is sent."""
    append = Gateway.write

    def write(self: Gateway, journal: Any, call: Any, context: Any) -> Any:
        tool = self._find(call.tool)
        if tool is not None and context.op is not None and context.op.attempt == 1:
            secret = self._secret(tool.contract, Role.EXECUTOR)
            tool.send(deepcopy(call.arguments), key=call.key, secret=secret, timeout_s=call.timeout_s)
        return append(self, journal, call, context)

    return [(Gateway, "write", write)]


@bug("hidden_retry", "gateway", "an answer that is not known is asked for again below the ledger")
def hidden_retry() -> Sequence[Swap]:
    """Two sends under one intent."""

    def wrong(send: Any) -> Any:
        def twice(self: Any, arguments: Any, **given: Any) -> Any:
            reply = send(self, arguments, **given)
            return send(self, arguments, **given) if reply.outcome == "unknown" else reply

        return twice

    return sending(wrong)


@bug("other_bytes", "gateway", "what is sent is not what was decided")
def other_bytes() -> Sequence[Swap]:
    """A number grows on the way."""

    def wrong(send: Any) -> Any:
        def more(self: Any, arguments: Any, **given: Any) -> Any:
            grown = {k: v + 1 if k == "number" else v for k, v in arguments.items()}
            return send(self, grown, **given)

        return more

    return sending(wrong)


@bug("key_per_attempt", "gateway", "the key is made from the number of the attempt")
def key_per_attempt() -> Sequence[Swap]:
    """Each attempt has a key of its own."""
    attempts = iter(range(10**9))

    def wrong(send: Any) -> Any:
        def keyed(self: Any, arguments: Any, *, key: str, **given: Any) -> Any:
            return send(self, arguments, key=f"{key}/{next(attempts)}" if key else key, **given)

        return keyed

    return [*sending(wrong), *body("intent", lambda g: {"key": f"{g['key']}/{g['attempt']}"})]


@bug("arguments_drift", "gateway", "another attempt sends other arguments under the same key")
def arguments_drift() -> Sequence[Swap]:
    """The second attempt wants one more."""

    def drifted(given: Any) -> Any:
        more = {k: v + 1 if k == "number" else v for k, v in given["arguments"].items()}
        return {"arguments": more} if given["attempt"] > 1 else {}

    return body("intent", drifted)


@bug("second_outcome", "gateway", "an outcome is corrected by a second one")
def second_outcome() -> Sequence[Swap]:
    """Each outcome is said twice."""
    extend = holder.extend

    def twice(task: Any, drafts: Any, **given: Any) -> Any:
        said = [d for draft in drafts for d in ((draft, draft) if draft.kind == "outcome" else (draft,))]
        return extend(task, said, **given)

    return [(holder, "extend", twice)]


@bug("stop_not_in_transaction", "gateway", "a stop that is set just before the intent does not hold it")
def stop_not_in_transaction() -> Sequence[Swap]:
    """The insert asks for no scope, nor whether the desk has said anything since."""
    law = tuple(rule for rule in refusals.LAW if rule is not refusals._desk)
    return [(gateway, "_scopes", lambda *_: ()), (refusals, "LAW", law)]


@bug("one_credential", "gateway", "reads are made with the writer's credential")
def one_credential() -> Sequence[Swap]:
    """The verifier is the executor."""
    right = Gateway._secret
    return [
        (
            Gateway,
            "_secret",
            lambda self, contract, role: right(self, contract, Role.EXECUTOR if role else role),
        )
    ]


@bug("reader_writes", "gateway", "writes are made with the reader's credential, and say so")
def reader_writes() -> Sequence[Swap]:
    """The intent names the credential of nobody."""
    return body("intent", lambda _: {"credential": "things_read"})


@bug("executor_verifies", "agents", "who wrote says that it is well")
def executor_verifies() -> Sequence[Swap]:
    """The looks are the executor's."""
    right = bodies.verified
    return [(bodies, "verified", lambda **given: replace(right(**given), role=Role.EXECUTOR))]


@bug("nobody_wrote_it", "agents", "entries do not say who made them")
def nobody_wrote_it() -> Sequence[Swap]:
    """A look without a name."""
    return body("verified", lambda _: {"actor": ""})


@bug("verifier_believes", "agents", "a check passes whatever was observed")
def verifier_believes() -> Sequence[Swap]:
    """Every verdict is pass."""
    return body("verified", lambda _: {"verdict": "pass"})


@bug("probe_always_absent", "agents", "a look settles as absent what it could not see")
def probe_always_absent() -> Sequence[Swap]:
    """Everything is absent."""
    return body("reconciled", lambda g: {"settles": Outcome.NOT_APPLIED} if g["by"] == "probe" else {})


@bug("settled_again", "agents", "what is settled is settled another time, the other way")
def settled_again() -> Sequence[Swap]:
    """A probe says two things."""
    extend = holder.extend

    def twice(task: Any, drafts: Any, **given: Any) -> Any:
        said = []
        for draft in drafts:
            said.append(draft)
            if draft.kind == "reconciled" and draft.body["by"] == "probe" and draft.body["settles"]:
                said.append(
                    replace(draft, body={**draft.body, "verdict": "unknown", "observed": "seen anew"})
                )
        return extend(task, said, **given)

    return [(holder, "extend", twice)]


@bug("takes_more", "agents", "a run takes on resources behind its first write")
def takes_more() -> Sequence[Swap]:
    """Each answer brings one more."""
    extend = holder.extend

    def more(task: Any, drafts: Any, **given: Any) -> Any:
        said = []
        for draft in drafts:
            said.append(draft)
            if draft.kind == "outcome":
                said.append(bodies.hydrated(actor=draft.actor, resources=[f"thing/more-{len(said)}"]))
        return extend(task, said, **given)

    return [(holder, "extend", more)]


@bug("stale_epoch", "ledger", "a holder that was taken over goes on appending")
def stale_epoch() -> Sequence[Swap]:
    """No append is fenced."""
    simulated = importlib.import_module("evals.simulation.ledger").SimLedger

    def anywhere(self: MemoryLedger, append: Any) -> Any:
        chain = self._tables.chains[append.run]
        entries: list[Entry] = []
        for entry in append.entries:
            last = (chain + entries)[-1]
            draft = Draft(
                kind=entry.kind,
                role=entry.role,
                actor=entry.actor,
                credential=entry.credential,
                body=entry.body,
            )
            head = Head(seq=last.seq, hash=last.hash)
            entries.append(
                seal(draft, run=entry.run, head=head, at=entry.at, epoch=append.epoch, code=entry.code)
            )
        self._tables.enter(entries)
        self._tables.derive(append.run, self._tables.rows[append.run], append.row)
        self.witness.committed(entries)  # type: ignore[attr-defined]
        return Head(seq=entries[-1].seq, hash=entries[-1].hash)

    ours = (Gateway, "_ours", lambda _: True)
    return [(simulated, "append", anywhere), ours]


@bug("outcome_rewritten", "ledger", "a stored outcome is written anew")
def outcome_rewritten() -> Sequence[Swap]:
    """Whatever was stored of an outcome says succeeded."""
    return _stored("outcome", "outcome", "succeeded")


@bug("tail_rewritten", "ledger", "the last entry is sealed anew with another time")
def tail_rewritten() -> Sequence[Swap]:
    """The seal fits, and the entry is another."""
    right = MemoryLedger.records

    def records(self: MemoryLedger, run: str | None = None) -> Any:
        for name, row in right(self, run):
            if name == "entries" and row["kind"] == "closed":
                anew = {**row, "at": "2027-01-01T00:00:00.000000Z"}
                yield name, {**anew, "hash": sealed(anew)}
            else:
                yield name, row

    return [(MemoryLedger, "records", records)]


def _stored(kind: str, field: str, value: str) -> Sequence[Swap]:
    right = MemoryLedger.records

    def records(self: MemoryLedger, run: str | None = None) -> Any:
        for name, row in right(self, run):
            if name == "entries" and row["kind"] == kind:
                body = {**canonical.loads(row["body"]), field: value}
                yield name, {**row, "body": canonical.dumps(body)}
            else:
                yield name, row

    return [(MemoryLedger, "records", records)]


@bug("shared_hold", "ledger", "two runs hold one resource")
def shared_hold() -> Sequence[Swap]:
    """Nobody asks who holds it."""
    law = tuple(rule for rule in refusals.LAW if rule.__name__ != "_holds")
    return [(refusals, "LAW", law), (Surroundings, "_blocker", lambda *_: None)]


@bug("unheld_write", "ledger", "a resource is written that was never held")
def unheld_write() -> Sequence[Swap]:
    """Holds are forgotten on the way to the ledger."""
    none = body("hydrated", lambda given: {"holds": ()} if "holds" in given else {})
    return [*none, *without_guards("held"), _prepared()]


def _prepared() -> Swap:
    right = next(r for r in table.ROWS if r.__name__ == "row_17b_prepare")

    def row(s: Any) -> Any:
        move = right(s)
        return None if isinstance(move, Hold) else move

    return with_row("row_17b_prepare", row)


BUGS: Final = tuple(each for each in list(globals().values()) if isinstance(each, Bug))
