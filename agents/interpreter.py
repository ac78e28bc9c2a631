"""What does a request ask for? Phrases first; a model only where none fits, and then the requester confirms.

Nothing is guessed: every value stands in the request letter for letter, a request that two runbooks answer to
is asked back, and what a runbook refuses is refused before anything else is looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from agents.facts import capped, shown
from agents.models.port import Answer, Model, Prompt, Section
from agents.phrases import Said, said, words_of
from agents.prompting import instructions
from policies.admission import refused_by_phrase
from policies.inputs import described, read_inputs
from policies.runbook import Runbook
from policies.text import flaw

MAX_REQUEST_CHARS: Final = 2_000
MAX_ANSWER_TOKENS: Final = 400
RESERVED_TOKENS: Final = 3_300


class InputAnswer(BaseModel):
    """One input as a model read it: always text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Annotated[str, Field(max_length=60)]
    value: Annotated[str, Field(max_length=2000)]


class RequestAnswer(BaseModel):
    """What a model may say of a request; the default is that it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    runbook: Annotated[str, Field(max_length=80)] | None = None
    inputs: Annotated[list[InputAnswer], Field(max_length=40)] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulted:
    """That a model was asked, and what that cost."""

    model_id: str
    prompt: str
    tokens: int
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreted:
    """Read by a phrase: the runbook (``id@version``) and its typed inputs."""

    runbook: str
    inputs: Mapping[str, Any]
    phrase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsConfirmation:
    """Read by a model: to be shown to the requester as ``summary``, and done only on their word."""

    runbook: str
    inputs: Mapping[str, Any]
    summary: str
    consulted: Consulted


@dataclass(frozen=True, slots=True, kw_only=True)
class AskBack:
    """Not clear: the question for the requester, and the phrases or runbooks that they may mean."""

    question: str
    options: tuple[str, ...] = ()
    consulted: Consulted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Not done, whatever is answered: a stable code, and the reason for the requester."""

    code: str
    message: str
    runbook: str = ""
    consulted: Consulted | None = None


Reading = Interpreted | NeedsConfirmation | AskBack | Refused


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """Reads requests for the runbooks in force that the requester may ask for.

    ``reserve`` is called before a model is asked; where it answers False none is.
    """

    runbooks: Sequence[Runbook]
    model: Model
    reserve: Callable[[], bool] = _always
    _by_ref: Mapping[str, Runbook] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the runbooks by ``id@version``."""
        object.__setattr__(self, "_by_ref", {r.ref: r for r in self.runbooks})

    def read(self, text: str, *, can_confirm: bool, timeout_s: float = 20.0) -> Reading:
        """What ``text`` asks for. ``can_confirm``: somebody is there to say yes to what a model read.

        Never raises for what a requester or a model says.
        """
        if len(text) > MAX_REQUEST_CHARS:
            return Refused(code="request_too_long", message=f"more than {MAX_REQUEST_CHARS} characters")
        if (wrong := flaw(text)) is not None:
            return Refused(code=wrong.code, message=f"the request holds {wrong.why}")
        found = [match for runbook in self.runbooks for match in said(runbook, text)]
        if found:
            return self._by_phrase(text, found)
        return self._by_model(text, can_confirm=can_confirm, timeout_s=timeout_s)

    def _by_phrase(self, text: str, found: list[Said]) -> Reading:
        for match in found:
            if (refused := self._refused(match.runbook, text)) is not None:
                return refused
        if len({match.runbook for match in found}) > 1:
            options = tuple(f"{m.runbook}: {m.phrase}" for m in found)
            return AskBack(question="More than one runbook answers to this. Which one?", options=options)
        if any(m.words != found[0].words for m in found):
            options = tuple(m.phrase for m in found)
            return AskBack(question="This can be read in more than one way. Which one?", options=options)
        runbook = self._by_ref[found[0].runbook]
        inputs, wrong = read_inputs(runbook.inputs, found[0].words, text_door=True)
        if wrong:
            return AskBack(
                question="; ".join(f"{w.name}: {w.why}" for w in wrong[:5]), options=(found[0].phrase,)
            )
        return Interpreted(runbook=runbook.ref, inputs=inputs, phrase=found[0].phrase)

    def _by_model(self, text: str, *, can_confirm: bool, timeout_s: float) -> Reading:
        phrases = tuple(p for r in self.runbooks for p in r.triggers.chat)[:20]
        if not self.model.consults or not self.runbooks:
            return self._not_understood(text, phrases, None)
        if not can_confirm:
            return Refused(
                code="not_understood", message="no phrase fits, and nobody is there to confirm a reading"
            )
        if not self.reserve():
            return self._unasked(text, phrases)
        prompt = _prompt(self.runbooks, text)
        answer = self.model.answer(prompt, RequestAnswer, timeout_s=timeout_s, max_tokens=MAX_ANSWER_TOKENS)
        consulted = Consulted(
            model_id=answer.model_id, prompt=prompt.digest, tokens=answer.tokens, problem=answer.problem
        )
        runbook = self._chosen(answer)
        if answer.value is None or runbook is None:
            return self._not_understood(text, phrases, consulted)
        if (refused := self._refused(runbook.ref, text, consulted)) is not None:
            return refused
        return _confirmable(runbook, answer.value, text, consulted)

    def _unasked(self, text: str, phrases: tuple[str, ...]) -> Reading:
        """The words fit no phrase, and no model may be asked: what is refused stays refused as such."""
        reading = self._not_understood(text, phrases, None)
        if isinstance(reading, Refused):
            return reading
        options = "".join(f"\n  {phrase}" for phrase in phrases)
        return Refused(
            code="model_budget_spent",
            message=f"no phrase fits, and for now no model is asked for you any more; say one of:{options}",
        )

    def _chosen(self, answer: Answer[RequestAnswer]) -> Runbook | None:
        name = answer.value.runbook if answer.value is not None else None
        named = [r for r in self.runbooks if name in (r.ref, r.id)]
        return named[0] if len(named) == 1 else None

    def _not_understood(self, text: str, phrases: tuple[str, ...], consulted: Consulted | None) -> Reading:
        for runbook in self.runbooks:
            if (refused := self._refused(runbook.ref, text, consulted)) is not None:
                return refused
        return AskBack(
            question="No runbook answers to this. Say one of:", options=phrases, consulted=consulted
        )

    def _refused(self, ref: str, text: str, consulted: Consulted | None = None) -> Refused | None:
        refused = refused_by_phrase(self._by_ref[ref].refuse, text)
        if refused is None:
            return None
        return Refused(code=refused.code, message=refused.message, runbook=ref, consulted=consulted)


def _confirmable(runbook: Runbook, answer: RequestAnswer, text: str, consulted: Consulted) -> Reading:
    """What the requester is to confirm: only values that stand in the request as whole words."""
    words = set(words_of(text)) | {w.strip(".,;:!?\"'()") for w in words_of(text)}
    given: dict[str, str] = {}
    for one in answer.inputs:
        if one.value not in words or given.setdefault(one.name, one.value) != one.value:
            question = f"{capped(one.name, 60)}: the request does not say {shown(one.value, 60)}. Which one?"
            return AskBack(question=question, consulted=consulted)
    inputs, wrong = read_inputs(runbook.inputs, given, text_door=True)
    if wrong:
        question = "; ".join(f"{w.name}: {w.why}" for w in wrong[:5])
        return AskBack(question=question, options=runbook.triggers.chat, consulted=consulted)
    values = ", ".join(f"{name} = {shown(value)}" for name, value in inputs.items())
    summary = f"{runbook.ref} ({runbook.title}) with {values or 'no inputs'}"
    return NeedsConfirmation(runbook=runbook.ref, inputs=inputs, summary=summary, consulted=consulted)


def _prompt(runbooks: Sequence[Runbook], text: str) -> Prompt:
    listed = [
        Section(
            label=f"runbook {runbook.ref}",
            text="\n".join(
                [runbook.title, *(f"{name}: {described(spec)}" for name, spec in runbook.inputs.items())]
            ),
            trusted=True,
        )
        for runbook in runbooks
    ]
    # The request first: what no longer fits is left out from the end.
    sections = (Section(label="request", text=text), *listed)
    return Prompt(role="interpreter", instructions=instructions("interpreter"), sections=sections)
