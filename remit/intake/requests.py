"""How a request becomes a run: read, judged and kept in one append, so that nothing asked is ever lost.

A rejected request is a run too, which ended ``rejected``. A request for the same need attaches to the first
run. What was said in free text stands beside the chain, under a keyed digest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agents.interpreter import (
    AskBack,
    Consulted,
    Interpreted,
    Interpreter,
    NeedsConfirmation,
    Reading,
    Refused,
)
from agents.models.port import Model
from policies.admission import Admitted, Asked, Facts, Rejected, admit
from policies.in_force import InForce, Policy
from remit.intake.bounds import within_bounds
from remit.intake.budget import ModelBudget
from remit.intake.joining import join
from remit.intake.principal import Asker
from remit.intake.refusals import MAX_SHOWN, no_such_runbook, nothing_to_ask_for
from remit.ready import NotReady
from state import bodies, canonical, instants
from state.entry import Draft
from state.errors import (
    DeliveryConflictError,
    DuplicateNeedError,
    LimitReachedError,
    SwitchedOffError,
)
from state.holder import extend
from state.ledger.port import Append, Ledger, Limit, Payload, Query
from state.projection import row_of
from state.task import Task
from tools.scrub import Scrubber

MODEL_CALLS_PER_HOUR: Final = 20
_LOOKED_AT: Final = 100
_NO_SECRETS: Final = Scrubber(tuple)
_LIMIT_CODES: Final = {"concurrency": "concurrency_exceeded", "rate": "rate_exceeded"}


def _nothing_lacks(_policy: Policy) -> NotReady | None:
    """Whoever has no desk around asks nothing of it."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks for: either free ``text``, or a ``runbook`` (id or id@version) with its inputs.

    ``text_door``: inputs are text and are read as such. ``delivery``: the id under which the source
    delivers it; ``ref``: where it came from, for the record.
    """

    asker: Asker
    source: str
    text: str = ""
    runbook: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    criteria: tuple[str, ...] = ()
    text_door: bool = True
    ref: str = ""
    delivery: str | None = None

    @property
    def digest(self) -> str:
        """What tells two bodies under one delivery id apart."""
        inputs = [[str(name), repr(value)] for name, value in sorted(self.inputs.items())]
        asked = [self.text, self.runbook, *map(str, inputs), *self.criteria]
        return canonical.digest([storable(part) for part in asked])


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A request as it was read: which policy, which inputs, and how. ``refused``: why it is not admitted."""

    request: Request
    policy: Policy | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    by: str = "direct"
    phrase: str = ""
    text_door: bool = True
    confirm: str = ""  # what the requester is asked to confirm; empty: nothing
    refused: Rejected | None = None
    consulted: Consulted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What became of a request: the run that it made, or that it attached to."""

    run: str
    attached: bool = False
    rejected: Rejected | None = None


class Intake:
    """Reads and admits requests by what is in force now."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        in_force: Callable[[], InForce],
        model: Model,
        new_id: Callable[[], str],
        sealed: Callable[[str], Payload],
        code: str,
        on_disk: Callable[[], Sequence[str]] = tuple,
        model_calls_per_hour: int = MODEL_CALLS_PER_HOUR,
        scrubber: Scrubber = _NO_SECRETS,
        lacks: Callable[[Policy], NotReady | None] = _nothing_lacks,
    ) -> None:
        """``sealed`` makes free text a payload; ``on_disk`` names runbooks there that are not in force.

        ``model_calls_per_hour``: how often the words of one requester are put to ``model``; ``scrubber``
        knows the secrets that no request may hold; ``lacks`` says what keeps a policy from running here.
        """
        self._budget = ModelBudget(ledger, most=model_calls_per_hour, code=code)
        self._ledger, self._in_force, self._model = ledger, in_force, model
        self._new_id, self._sealed, self._code, self._on_disk = new_id, sealed, code, on_disk
        self._scrubber, self._lacks = scrubber, lacks

    def read(self, request: Request, *, can_confirm: bool = False) -> Proposed:
        """Say what a request asks for; nothing is kept yet.

        What must stay exact is refused where it holds a secret of the desk, and never changed.
        """
        request, unfit = within_bounds(request)
        exposed = self._exposed(request)
        if exposed:
            message = f"{exposed} holds a secret of this desk, which is not written down"
            refused = Rejected(code="secret_in_request", message=message)
            return Proposed(request=self._without_secrets(request), refused=refused)
        if unfit is not None:
            return Proposed(request=request, refused=unfit)
        if request.runbook:
            return self._named(request)
        interpreter = self._interpreter(request)
        if not interpreter.runbooks:
            return Proposed(request=request, refused=nothing_to_ask_for(self._in_force(), request.asker.name))
        return self._of_reading(request, interpreter.read(request.text, can_confirm=can_confirm))

    def _exposed(self, request: Request) -> str:
        """Name the first part of a request that holds a secret of the desk; empty where none does."""
        parts = {"the text": request.text, "the name of the runbook": request.runbook}
        parts |= {"the delivery id": request.delivery or "", "a criterion": "\n".join(request.criteria)}
        parts |= {"the name of an input": "\n".join(map(str, request.inputs))}
        parts |= {f"input {str(name)[:MAX_SHOWN]}": str(value) for name, value in request.inputs.items()}
        return next((part for part, said in parts.items() if self._scrubber.holds(storable(said))), "")

    def _without_secrets(self, request: Request) -> Request:
        """What may be kept of a refused request. A delivery id that was changed would be another one's."""
        line, delivery = self._scrubber.line, request.delivery
        return replace(
            request,
            text=self._scrubber.text(storable(request.text)),
            runbook=line(storable(request.runbook)),
            inputs={},
            criteria=tuple(line(storable(criterion)) for criterion in request.criteria),
            delivery=None if delivery and self._scrubber.holds(storable(delivery)) else delivery,
        )

    def judge(self, proposed: Proposed) -> Admitted | Rejected:
        """Say whether it would be admitted now; nothing is kept."""
        verdict = self._judged(proposed, moment=True)
        if isinstance(verdict, Admitted) and proposed.policy is not None:
            lacking = self._lacks(proposed.policy)
            if lacking is not None:
                return Rejected(code=lacking.code, message=str(lacking))
        return verdict

    def _judged(self, proposed: Proposed, *, moment: bool) -> Admitted | Rejected:
        if proposed.refused is not None:
            return proposed.refused
        people = self._in_force().people()
        if proposed.policy is None or people is None:
            return Rejected(code="unknown_runbook", message="no runbook in force was named")
        request = proposed.request
        asked = Asked(
            requester=request.asker.name,
            source=request.source,
            inputs=proposed.inputs,
            text=request.text,
            text_door=proposed.text_door,
            criteria=request.criteria,
            delivery=request.delivery,
        )
        facts = self._facts(proposed.policy) if moment else Facts(at=self._ledger.now())
        return admit(asked, policy=proposed.policy, people=people, facts=facts, moment=moment)

    def joins(self, proposed: Proposed) -> str | None:
        """Find the run for the same need, to which it would be attached now; nothing is kept."""
        verdict = self._judged(proposed, moment=False)
        return self._same_need(verdict) if isinstance(verdict, Admitted) else None

    def submit(self, proposed: Proposed) -> Submitted:
        """Keep the request, admitted or rejected, or attach it to the run that is there for the same need."""
        verdict = self._judged(proposed, moment=False)
        first = self._same_need(verdict) if isinstance(verdict, Admitted) else None
        if first is not None and proposed.request.delivery is None:
            return self._attach(proposed.request, first)
        if isinstance(verdict, Admitted) and first is None:
            verdict = self.judge(proposed)
        if isinstance(verdict, Admitted):
            made = self._admitted(proposed, verdict)
            if isinstance(made, Submitted):
                return made
            verdict = made
        return self._rejected(proposed, verdict)

    def _admitted(self, proposed: Proposed, verdict: Admitted) -> Submitted | Rejected:
        """Make the run, or say what the ledger holds against it at this very moment."""
        try:
            try:
                return self._create(proposed, verdict)
            except DuplicateNeedError as duplicate:
                return self._attach(proposed.request, duplicate.run)
        except DeliveryConflictError as conflict:
            came = f"delivery {conflict.delivery[:MAX_SHOWN]}"
            message = f"{came} came before with another body, as run {conflict.run}"
            return Rejected(code="delivery_conflict", message=message)
        except LimitReachedError as reached:
            return Rejected(code=_LIMIT_CODES[reached.limit], message=str(reached))
        except SwitchedOffError as stopped:
            return Rejected(code="stopped", message=str(stopped))

    def _rejected(self, proposed: Proposed, verdict: Rejected) -> Submitted:
        try:
            return self._create(proposed, verdict)
        except DuplicateNeedError as duplicate:  # the same delivery again: it was rejected before
            return self._attach(proposed.request, duplicate.run)
        except DeliveryConflictError:  # kept, but under no delivery id: that one is taken
            return self._create(replace(proposed, request=replace(proposed.request, delivery=None)), verdict)

    def _same_need(self, verdict: Admitted) -> str | None:
        """Find the run that a request for the same need joins; the ledger refuses a second one anyway."""
        key, now = verdict.terms["once_key"], self._ledger.now()
        if key is None:
            return None
        query = Query(runbook=verdict.terms["runbook"], target=verdict.terms["target"], limit=_LOOKED_AT)
        for info in self._ledger.runs(query):
            counts = info.row.state is None or (
                info.row.once_until is not None and instants.seconds_between(now, info.row.once_until) > 0
            )
            if info.row.once_key == key and counts:
                return info.run
        return None

    def _interpreter(self, request: Request) -> Interpreter:
        view = self._in_force()
        people = view.people()
        roles = people.roles(request.asker.name) if people else frozenset()
        policies = [view.policy(ref) for ref in sorted(view.runbooks)]
        newest = [p for p in policies if view.newest(p.runbook.id) == p.runbook.ref]
        allowed = [p.runbook for p in newest if roles & {*p.delegation.request}]
        name = request.asker.name
        return Interpreter(runbooks=allowed, model=self._model, reserve=lambda: self._budget.reserve(name))

    def _named(self, request: Request) -> Proposed:
        view = self._in_force()
        ref: str | None = request.runbook
        if "@" not in request.runbook:
            ref = view.newest(request.runbook)
        if ref is None or ref not in view.runbooks:
            return Proposed(request=request, refused=no_such_runbook(request.runbook, self._on_disk()))
        return Proposed(
            request=request, policy=view.policy(ref), inputs=request.inputs, text_door=request.text_door
        )

    def _of_reading(self, request: Request, reading: Reading) -> Proposed:
        match reading:
            case Interpreted():
                policy = self._in_force().policy(reading.runbook)
                return Proposed(
                    request=request,
                    policy=policy,
                    inputs=reading.inputs,
                    by="phrase",
                    phrase=reading.phrase,
                    text_door=False,
                )
            case NeedsConfirmation():
                return Proposed(
                    request=request, policy=self._in_force().policy(reading.runbook), inputs=reading.inputs,
                    by="model", text_door=False, confirm=reading.summary, consulted=reading.consulted,
                )  # fmt: skip
            case AskBack():
                options = "".join(f"\n  {option}" for option in reading.options)
                refused = Rejected(code="asked_back", message=reading.question + options)
                return Proposed(request=request, refused=refused, consulted=reading.consulted)
            case Refused():
                refused = Rejected(code=reading.code, message=reading.message)
                return Proposed(request=request, refused=refused, consulted=reading.consulted)

    def _facts(self, policy: Policy) -> Facts:
        at = self._ledger.now()
        concurrency, rate = _limits(policy, at)
        waiting = self._ledger.runs(Query(lanes=("live/escalated",), limit=1000))
        return Facts(
            at=at,
            stops=tuple(stop.scope for stop in self._ledger.stops()),
            live=self._ledger.count_runs(concurrency),
            recent=self._ledger.count_runs(rate) if rate else 0,
            escalated={info.row.target: info.run for info in waiting},
        )

    def _create(self, proposed: Proposed, verdict: Admitted | Rejected) -> Submitted:
        request, run, at = proposed.request, self._new_id(), self._ledger.now()
        payloads = (self._sealed(storable(request.text)),) if request.text else ()
        drafts = self._drafts(proposed, verdict, payloads)
        task, entries = extend(Task(run=run), drafts, at=at, epoch=0, code=self._code)
        admitted = isinstance(verdict, Admitted)
        limits = _limits(proposed.policy, at) if admitted and proposed.policy else ()
        scopes = ("desk", f"runbook:{task.runbook}") if admitted else ()
        self._ledger.create(
            Append(
                run=run, epoch=0, head=Task(run=run).head, entries=entries, row=row_of(task),
                payloads=payloads, stop_scopes=scopes, limits=tuple(limit for limit in limits if limit),
            )
        )  # fmt: skip
        return Submitted(run=run, rejected=verdict if isinstance(verdict, Rejected) else None)

    def _drafts(
        self, proposed: Proposed, verdict: Admitted | Rejected, payloads: Sequence[Payload]
    ) -> list[Draft]:
        request, actor = proposed.request, proposed.request.asker.name
        drafts = [
            bodies.requested(
                actor=actor,
                source=request.source,
                **request.asker.said,
                ref=self._line(request.ref, 400),
                delivery=request.delivery,
                delivery_digest=request.digest if request.delivery else None,
                text=payloads[0].digest if payloads else None,
                runbook=self._line(request.runbook, MAX_SHOWN),
                criteria=[self._line(c, 200) for c in request.criteria[:20]],
            )
        ]
        if proposed.policy is not None:
            book = proposed.policy.runbook
            inputs = verdict.terms["inputs"] if isinstance(verdict, Admitted) else self._kept(proposed.inputs)
            drafts.append(
                bodies.interpreted(
                    actor=proposed.consulted.model_id if proposed.consulted else actor,
                    runbook=book.id, version=book.version, inputs=inputs, by=proposed.by,
                    phrase=proposed.phrase,
                )
            )  # fmt: skip
        if isinstance(verdict, Admitted):
            drafts.append(bodies.admitted(actor=actor, **verdict.terms))
        else:
            message = self._scrubber.text(storable(verdict.message), limit=2000)
            drafts.append(bodies.rejected(actor=actor, code=verdict.code, message=message))
        return drafts

    def _attach(self, request: Request, run: str) -> Submitted:
        ref = self._line(request.ref, 400)
        return Submitted(run=join(self._ledger, request, run, ref=ref, new_id=self._new_id), attached=True)

    def _line(self, text: str, limit: int) -> str:
        return self._scrubber.line(storable(text), limit=limit)

    def _kept(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs of a rejected request, as far as an entry can hold them."""
        kept: dict[str, Any] = {}
        for name, value in list(inputs.items())[:40]:
            whole = type(value) is bool or (type(value) is int and abs(value) <= canonical.MAX_INTEGER)
            if str(name).isascii():
                kept[self._line(str(name), MAX_SHOWN)] = value if whole else self._line(str(value), 200)
        return kept


def _limits(policy: Policy, at: str) -> tuple[Limit, Limit | None]:
    book, entry = policy.runbook.id, policy.delegation
    concurrency = Limit(kind="concurrency", runbook=book, most=entry.concurrency)
    if entry.rate is None:
        return concurrency, None
    since = instants.after(at, -entry.rate.per_ms / 1000)
    return concurrency, Limit(kind="rate", runbook=book, most=entry.rate.max, since=since)


def storable(text: str) -> str:
    """``text`` as an entry can hold it: a lone surrogate (a byte that is no UTF-8) becomes a mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
