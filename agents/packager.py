"""What may a model add to a packet that rules have written? Claims that cite evidence, and a suggestion.

The packet itself needs no model (``state.packet``) and waits for none. Notes are checked by code against its
evidence, and dropped where they do not hold. No run asks for notes yet: every packet is as rules wrote it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.facts import capped
from agents.models.port import Model, Prompt, Section
from agents.prompting import instructions
from state.packet import Notes, kept_claims

MAX_ANSWER_TOKENS = 700
RESERVED_TOKENS = 3_600
MAX_CLAIM = 240


class ClaimAnswer(BaseModel):
    """One claim as a model makes it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Literal["fact", "inference"]
    text: Annotated[str, Field(min_length=1, max_length=MAX_CLAIM)]
    evidence: Annotated[list[Annotated[str, Field(max_length=8)]], Field(min_length=1, max_length=12)]


class NotesAnswer(BaseModel):
    """What a model may add; by default nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    claims: Annotated[list[ClaimAnswer], Field(max_length=5)] = Field(default_factory=list)
    recommended: Literal["", "resume", "retry_once", "mark_done", "roll_back", "abort"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What holds of a model's notes, and what asking cost."""

    notes: Notes
    prompt: str = ""
    tokens: int = 0
    problem: str = ""
    dropped: int = 0


class Packager:
    """Asks one model for notes on packets."""

    def __init__(self, model: Model) -> None:
        """``model`` answers; with rules nothing is asked."""
        self._model = model

    @property
    def consults(self) -> bool:
        """Whether ``notes`` costs a call, to be reserved before."""
        return self._model.consults

    def notes(self, packet: Mapping[str, Any], *, timeout_s: float) -> Noted:
        """Notes on ``packet``, within ``timeout_s`` seconds; empty for anything but a checked answer."""
        if not self._model.consults:
            return Noted(notes=Notes())
        prompt = _prompt(packet)
        answer = self._model.answer(prompt, NotesAnswer, timeout_s=timeout_s, max_tokens=MAX_ANSWER_TOKENS)
        if answer.value is None:
            return Noted(notes=Notes(), prompt=prompt.digest, tokens=answer.tokens, problem=answer.problem)
        made = [claim.model_dump() for claim in answer.value.claims]
        claims = kept_claims([c | {"text": _plain(c["text"])} for c in made], packet["evidence"])
        allowed = {option["id"] for option in packet["options"] if option["allowed"]}
        suggested = answer.value.recommended if answer.value.recommended in allowed else ""
        return Noted(
            notes=Notes(claims=tuple(claims), recommended=suggested, model_id=answer.model_id),
            prompt=prompt.digest,
            tokens=answer.tokens,
            dropped=len(made) - len(claims),
        )


def _prompt(packet: Mapping[str, Any]) -> Prompt:
    options = "\n".join(f"{o['id']}: {o.get('does', '')}" for o in packet["options"] if o["allowed"])
    sections = [
        Section(
            label="stopped", text=f"{packet['where']['reason']} at {packet['where']['step']}", trusted=True
        ),
        Section(label="allowed options", text=options or "none", trusted=True),
        *(Section(label=f"evidence {e['id']}", text=e["excerpt"]) for e in packet["evidence"]),
    ]
    return Prompt(role="packager", instructions=instructions("packager"), sections=tuple(sections))


def _plain(text: str) -> str:
    return capped(" ".join("".join(c if c.isprintable() else " " for c in text).split()), MAX_CLAIM)
