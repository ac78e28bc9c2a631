"""What can be shown for what a packet says: at most twelve excerpts of entries, each with its digest."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from state.entry import Entry, Kind
from state.outcome import Known
from state.packet.senders import Sender, senders_in_doubt
from state.task import Operation, Task
from state.wording import answer_text

MAX_ITEMS: Final = 12
MAX_EXCERPT: Final = 600
_MAX_OPERATIONS: Final = 4
_MAX_LOOKS: Final = 3
_MAX_DENIED: Final = 2
_MAX_SENDERS: Final = 2
_REDACTED: Final = "[redacted]"

Diagnosed = tuple[str, str, str, str]  # id, source, at, text
Shown = tuple[str, str, str, str]  # kind, source, at, text
Piece = tuple[list[str], Shown]  # what it shows, and how


def capped(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The newest round of one check or precondition, with how often it was asked."""

    ref: str
    check: str
    expected: str
    observed: str
    verdict: str
    at: str
    source: str
    first_at: str
    rounds: int
    bad: int

    def excerpt(self) -> str:
        """One line: the verdict, how often, and what was seen."""
        series = (
            f" ({self.bad} of {self.rounds} not passed, {self.first_at} to {self.at})"
            if self.rounds > 1
            else ""
        )
        return f"{self.check} {self.verdict}{series}: {self.observed}; expected {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeniedRead:
    """A read that a guard did not let through, with how often."""

    code: str
    guard: str
    message: str
    at: str
    times: int

    def excerpt(self) -> str:
        """One line: the guard, its code, and why."""
        again = f" ({self.times} times)" if self.times > 1 else ""
        return f"a read was denied by guard {self.guard}{again}: {self.message} [{self.code}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The items as the packet holds them; ``refs``: what is shown -> the item that shows it.

    ``denied``: the reads that are denied as things stand, the newest first.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)
    looks: tuple[Looked, ...] = ()
    denied: tuple[DeniedRead, ...] = ()

    def cites(self, ref: str) -> list[str]:
        """The ids of the items that show ``ref``; none where it had to be left out."""
        return [self.refs[ref]] if ref in self.refs else []

    @property
    def redactions(self) -> int:
        """How often something was taken out of what is shown."""
        return sum(item["excerpt"].count(_REDACTED) for item in self.items)

    def cut(self, limit: int) -> "Evidence":
        """The same with excerpts of at most ``limit`` characters."""
        items = [_item(i["id"], (i["kind"], i["source"], i["at"], i["excerpt"]), limit) for i in self.items]
        return replace(self, items=items)


def evidence_of(task: Task, entries: Sequence[Entry], diagnosed: Iterable[Diagnosed]) -> Evidence:
    """The evidence of a stop: what is wrong first, then what was written, then what holds."""
    looks, denied = looks_of(task, entries), denied_reads(task, entries)
    wrong = [k for k in looks if k.verdict != "pass"]
    fine = [k for k in looks if k.verdict == "pass"]
    written = sorted(
        (o for o in task.operations if o.attempts), key=lambda o: (o.known is not Known.UNKNOWN, -o.last.seq)
    )
    pieces: list[Piece] = [_of_denied(d) for d in denied[:_MAX_DENIED]]
    pieces += [_of_sender(s) for s in senders_in_doubt(task)[:_MAX_SENDERS]]
    pieces += [_of_look(k) for k in wrong[:_MAX_LOOKS]]
    pieces += [_of_operation(o) for o in written[:_MAX_OPERATIONS]]
    if written[_MAX_OPERATIONS:]:
        pieces.append(_of_rest(written[_MAX_OPERATIONS:]))
    pieces += [
        ([f"diagnose:{d}"], ("log", source, at, f"{d}: {text}"))
        for d, source, at, text in list(diagnosed)[:2]
    ]
    pieces += [_of_look(k) for k in (*wrong[_MAX_LOOKS:], *fine)]
    items, refs = [], {}
    for number, (names, shown) in enumerate(pieces[:MAX_ITEMS], start=1):
        items.append(_item(f"e{number}", shown, MAX_EXCERPT))
        refs.update(dict.fromkeys(names, f"e{number}"))
    return Evidence(items=items, refs=refs, looks=looks, denied=denied)


def looks_of(task: Task, entries: Sequence[Entry]) -> tuple[Looked, ...]:
    """The newest round of every precondition and of every check that still counts."""
    counted = {
        "completion",
        "rollback",
        *(o.id for o in task.operations),
        *(f"due:{o.id}" for o in task.operations),
    }
    found: dict[str, Looked] = {}
    for entry in entries:
        body = entry.body
        if entry.kind is Kind.CHECKED and "id" in body:
            ref, check, counts = f"pre:{body['id']}", body["id"], True
        elif entry.kind is Kind.VERIFIED:
            scope = body["scope"]
            ref, counts = f"{scope}#{body['check']}", scope in counted or scope.startswith("due:")
            check = body["check"]
        else:
            continue
        if counts:
            found[ref] = _looked(found.get(ref), ref, check, entry)
    return tuple(found.values())


def denied_reads(task: Task, entries: Sequence[Entry]) -> tuple[DeniedRead, ...]:
    """The reads denied since the run was last claimed, decided on, or wrote; the newest first."""
    found: dict[tuple[str, str], DeniedRead] = {}
    for entry in entries:
        body = entry.body
        if entry.kind is not Kind.DENIED or body["op"] or entry.seq <= task.read_since:
            continue
        before = found.pop((body["code"], body["message"]), None)
        found[body["code"], body["message"]] = DeniedRead(
            code=body["code"],
            guard=body["guard"],
            message=body["message"],
            at=entry.at,
            times=before.times + 1 if before else 1,
        )
    return tuple(reversed(found.values()))


def _looked(before: Looked | None, ref: str, check: str, entry: Entry) -> Looked:
    body = entry.body
    sources = dict.fromkeys(f.get("source", "") for f in body.get("facts", {}).values())
    return Looked(
        ref=ref,
        check=check,
        expected=body["expected"],
        observed=body["observed"],
        verdict=body["verdict"],
        at=entry.at,
        source=", ".join(s for s in sources if s) or "verifier",
        first_at=before.first_at if before else entry.at,
        rounds=before.rounds + 1 if before else 1,
        bad=(before.bad if before else 0) + (body["verdict"] != "pass"),
    )


def _of_look(look: Looked) -> Piece:
    kind = "probe-series" if look.rounds > 1 else "observation"
    return [look.ref], (kind, look.source, look.at, look.excerpt())


def _of_denied(denied: DeniedRead) -> Piece:
    return [f"denied:{denied.code}"], ("denial", f"guard {denied.guard}", denied.at, denied.excerpt())


def _of_sender(sender: Sender) -> Piece:
    claim = sender.claim
    return [f"sender:{claim.epoch}"], ("sender", f"claim {claim.epoch}", claim.at, sender.text())


def _of_operation(operation: Operation) -> Piece:
    said = [f"{operation.id} on {operation.last.resource}: effect {operation.known}"]
    for a in operation.attempts:
        words = (str(a.outcome or "no answer recorded"), answer_text(a.code, a.detail))
        answer = " ".join(p for p in words if p)
        said.append(f"attempt {a.number} at {a.at}: {answer}")
    return [operation.id], ("action", operation.last.tool, operation.last.at, "; ".join(said))


def _of_rest(operations: Sequence[Operation]) -> Piece:
    newest = max(operations, key=lambda o: o.last.seq)
    text = "; ".join(f"{o.id} {o.known}, {len(o.attempts)} sent" for o in operations)
    return [o.id for o in operations], ("action", newest.last.tool, newest.last.at, text)


def _item(name: str, shown: Shown, limit: int) -> dict[str, Any]:
    kind, source, at, text = shown
    excerpt = capped(text, limit)
    digest = hashlib.sha256(excerpt.encode()).hexdigest()
    return {"id": name, "kind": kind, "source": source, "at": at, "sha256": digest, "excerpt": excerpt}
