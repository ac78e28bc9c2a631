"""Go on, look again, wait, or stop? At a fork a model may put something harmless before the rules' move.

Whatever it answers, what comes back is ``accept``, ``wait``, ``reread`` or ``escalate``. No answer, a late
one, a malformed one and a hostile one are all ``accept``: the rules' move. The graph computes the move again
afterwards, and takes the choice only where it is still possible.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.facts import capped
from agents.models.port import Model, Prompt, Section
from agents.prompting import instructions
from policies.forks import LONGEST_WAIT_S

MAX_WAIT_S: Final = LONGEST_WAIT_S
MAX_DIAGNOSE: Final = 3
MAX_REASON: Final = 300
# what a call of this role may cost, and what is therefore reserved before it
MAX_ANSWER_TOKENS: Final = 400
RESERVED_TOKENS: Final = 3_300  # a prompt of MAX_PROMPT_CHARS and such an answer


class Taken(StrEnum):
    """All that can come of asking."""

    ACCEPT = "accept"
    WAIT = "wait"
    REREAD = "reread"
    ESCALATE = "escalate"


class ForkAnswer(BaseModel):
    """What a model may say at a fork; the default is the rules' move."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    move: Literal["accept", "wait", "reread", "escalate"] = "accept"
    reason: Annotated[str, Field(max_length=2000)] = ""
    wait_s: Annotated[int, Field(ge=0, le=MAX_WAIT_S)] = 0
    diagnose: Annotated[list[str], Field(max_length=20)] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """One fork. ``rules``: the rules' move in words. ``facts``: what is known, by label, from inside remit.

    ``outside``: text and values of targets and requesters, by label. ``diagnose``: id -> what the read shows.
    ``may``: what is possible beside accepting (a re-read has a budget).
    """

    row: int
    name: str
    rules: str
    facts: Mapping[str, str] = field(default_factory=dict)
    outside: Mapping[str, str] = field(default_factory=dict)
    diagnose: Mapping[str, str] = field(default_factory=dict)
    may: frozenset[Taken] = frozenset(Taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is taken, and how it came about; all of it stands in the entry ``judged``.

    ``proposed`` is the model's own word, empty where it gave none; ``problem`` why that was not taken.
    ``wait_ms`` at most MAX_WAIT_S seconds, 0 unless waiting; ``diagnose`` known ids only.
    """

    taken: Taken
    proposed: str = ""
    reason: str = ""
    wait_ms: int = 0
    diagnose: tuple[str, ...] = ()
    model_id: str = "rules"
    prompt: str = ""
    tokens: int = 0
    problem: str = ""


class Executor:
    """Asks one model at forks."""

    def __init__(self, model: Model) -> None:
        """``model`` answers; with rules nothing is asked."""
        self._model = model

    @property
    def consults(self) -> bool:
        """Whether ``choose`` costs a call, to be reserved before."""
        return self._model.consults

    def choose(self, fork: Fork, *, timeout_s: float) -> Choice:
        """What to do at ``fork``, within ``timeout_s`` seconds; never raises for what a model does."""
        if not self._model.consults:
            return Choice(taken=Taken.ACCEPT, model_id=self._model.model_id)
        prompt = _prompt(fork)
        answer = self._model.answer(prompt, ForkAnswer, timeout_s=timeout_s, max_tokens=MAX_ANSWER_TOKENS)
        choice = _judged(answer.value, fork) if answer.value is not None else None
        if choice is None:
            problem = ": ".join(part for part in (answer.problem or "malformed", answer.detail) if part)
            choice = Choice(taken=Taken.ACCEPT, problem=_plain(problem))
        return Choice(
            taken=choice.taken, proposed=choice.proposed, reason=choice.reason, wait_ms=choice.wait_ms,
            diagnose=choice.diagnose, problem=choice.problem, model_id=answer.model_id, prompt=prompt.digest,
            tokens=answer.tokens,
        )  # fmt: skip


def _judged(answer: ForkAnswer, fork: Fork) -> Choice:
    proposed, reason = Taken(answer.move), _plain(answer.reason)
    picked = tuple(dict.fromkeys(d for d in answer.diagnose if d in fork.diagnose))[:MAX_DIAGNOSE]
    problem = ""
    if proposed not in fork.may:
        problem = "not possible here"
    elif proposed is Taken.WAIT and answer.wait_s < 1:
        problem = "a wait without a time"
    elif proposed is not Taken.ACCEPT and not reason:
        problem = "no reason given"
    taken = Taken.ACCEPT if problem else proposed
    wait_ms = 1000 * answer.wait_s if taken is Taken.WAIT else 0
    return Choice(
        taken=taken, proposed=proposed.value, reason=reason, wait_ms=wait_ms, diagnose=picked, problem=problem
    )


def _prompt(fork: Fork) -> Prompt:
    offered = "\n".join(f"{name}: {shows}" for name, shows in fork.diagnose.items()) or "none"
    sections = [
        Section(label="fork", text=f"row {fork.row}, {fork.name}", trusted=True),
        Section(label="the rules' move", text=fork.rules, trusted=True),
        Section(label="possible here", text=", ".join(sorted(fork.may)), trusted=True),
        Section(label="reads on offer", text=offered, trusted=True),
        *(Section(label=label, text=text, trusted=True) for label, text in fork.facts.items()),
        *(Section(label=label, text=text) for label, text in fork.outside.items()),
    ]
    return Prompt(role="executor", instructions=instructions("executor"), sections=tuple(sections))


def _plain(text: str) -> str:
    """A model's words as one printable line, without what an entry cannot hold."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return capped(" ".join(kept.split()), MAX_REASON)
