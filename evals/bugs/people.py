"""Bugs of what stands around people: packets, pages, signals, intake, models, and what is kept of secrets."""

# ruff: noqa: SLF001 - a bug is put where the rule is

import importlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from evals.bugs.bug import Bug, Swap, bug
from evals.bugs.doors import body
from graph import judging, signals
from graph.session import Session
from policies.admission import Rejected
from remit.intake import requests
from state.ledger import refusals
from state.ledger.memory import MemoryLedger
from state.ledger.memory_tables import Tables
from tools import scrub

package: Any = importlib.import_module("graph.nodes.package")  # the room has a function of that name


@bug("packet_omits_a_write", "packet", "the packet does not list what was sent last")
def packet_omits_a_write() -> Sequence[Swap]:
    """One write is left out."""
    right = package.packet_for

    def less(*given: Any, **more: Any) -> Any:
        packet = right(*given, **more)
        return {**packet, "changed": packet["changed"][:-1]}

    return [(package, "packet_for", less)]


@bug("packet_is_sure", "packet", "the packet calls an open effect refuted")
def packet_is_sure() -> Sequence[Swap]:
    """What is not known is said to be absent."""
    right = package.packet_for

    def sure(*given: Any, **more: Any) -> Any:
        packet = right(*given, **more)
        return {**packet, "changed": [{**row, "effect": "refuted"} for row in packet["changed"]]}

    return [(package, "packet_for", sure)]


@bug("nobody_is_told", "outbox", "an escalation has no notice")
def nobody_is_told() -> Sequence[Swap]:
    """No page is written."""
    return [(package, "_notice", lambda *_: None)]


@bug("secret_not_scrubbed", "scrubber", "a target's answer is kept with the credential in it")
def secret_not_scrubbed() -> Sequence[Swap]:
    """Known values are left standing."""
    return [(scrub, "_without_values", lambda text, _: text)]


@bug("signals_dropped", "signals", "what humans say is taken in and lost")
def signals_dropped() -> Sequence[Swap]:
    """Every second word is dropped."""
    right, count = MemoryLedger.post, iter(range(10**9))

    def lost(self: MemoryLedger, signal: Any) -> bool:
        return right(self, signal) if next(count) % 3 else True

    return [(MemoryLedger, "post", lost)]


@bug("decided_twice", "signals", "a second decision on one escalation is taken too")
def decided_twice() -> Sequence[Swap]:
    """Each decision is written down twice."""
    right = signals._decide

    def twice(session: Any, signal: Any) -> Any:
        folded = right(session, signal)
        last = folded.drafts[-1]
        again = replace(last, body={**last.body, "id": f"{last.body['id']}-2"})
        return replace(folded, drafts=(*folded.drafts, again)) if last.kind == "decided" else folded

    return [(signals, "_HANDLERS", {**signals._HANDLERS, "decide": twice})]


@bug("grant_by_nobody", "signals", "every decision grants a send")
def grant_by_nobody() -> Sequence[Swap]:
    """Resuming pays for one more."""
    return body("granted", lambda _: {"sends": 1})


@bug("confirms_anything", "signals", "an answer to another question confirms")
def confirms_anything() -> Sequence[Swap]:
    """Whoever says anything confirms what was asked."""

    def confirm(session: Any, signal: Any) -> Any:
        del session
        body = {"op": signal.body["op"], "digest": signal.body["digest"], "answer": "yes"}
        return signals.Folded(drafts=(signals._said(signal, body),))

    return [(signals, "_HANDLERS", {**signals._HANDLERS, "confirm": confirm})]


@bug("delivered_twice", "intake", "a delivery that comes again runs again")
def delivered_twice() -> Sequence[Swap]:
    """The ledger does not ask for the delivery."""
    law = tuple(rule for rule in refusals.LAW if rule.__name__ != "_delivery")
    return [(refusals, "LAW", law), (Tables, "delivered_as", lambda *_: None)]


@bug("accepted_and_lost", "intake", "a request is accepted, and no run of it is stored")
def accepted_and_lost() -> Sequence[Swap]:
    """A run is made up."""

    def submit(self: Any, proposed: Any) -> Any:
        del proposed
        return requests.Submitted(run=self._new_id(), rejected=Rejected(code="lost", message=""))

    return [(requests.Intake, "submit", submit)]


@bug("model_is_taken", "models", "whatever a model says is taken")
def model_is_taken() -> Sequence[Swap]:
    """Its own word stands as what was done."""
    return body("judged", lambda g: {"taken": "send", "model": "send"} if g["model_id"] != "rules" else {})


@bug("model_is_free", "models", "a model is asked without anything being set aside for it")
def model_is_free() -> Sequence[Swap]:
    """The reservation is not written."""
    right = Session.append

    def append(self: Session, *drafts: Any, **given: Any) -> Any:
        kept = [draft for draft in drafts if draft.kind != "reserved"]
        return right(self, *kept, **given) if kept or not drafts else self.task

    return [(Session, "append", append)]


@bug("model_unlimited", "models", "a model is asked as often as there is a fork")
def model_unlimited() -> Sequence[Swap]:
    """The limit on calls is not asked."""
    return [(judging, "_may_ask", lambda session: session.executor.consults)]


BUGS: Final = tuple(each for each in list(globals().values()) if isinstance(each, Bug))
