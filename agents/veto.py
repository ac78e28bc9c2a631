"""May a pass stand? On a question beyond rules a model may turn a pass into an unknown, never more.

No check of a runbook can ask such a question yet, so that no run comes here.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from agents.facts import capped, shown
from agents.models.port import Model, Prompt, Section
from agents.prompting import instructions
from agents.verdicts import Standing, Verdict

MAX_ANSWER_TOKENS: Final = 300
RESERVED_TOKENS: Final = 3_200


class VetoAnswer(BaseModel):
    """What a model may say of a pass; by default it stands."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    veto: bool = False
    reason: Annotated[str, Field(max_length=2000)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLook:
    """A verdict behind the question, and what asking cost."""

    verdict: Verdict
    prompt: str = ""
    tokens: int = 0
    problem: str = ""


def second_look(verdict: Verdict, question: str, model: Model, *, timeout_s: float) -> SecondLook:
    """Ask ``question`` of a pass; any other verdict, and any answer but a veto, changes nothing."""
    if verdict.verdict is not Standing.PASS or not model.consults:
        return SecondLook(verdict=verdict)
    prompt = Prompt(
        role="verifier",
        instructions=instructions("verifier"),
        sections=(
            Section(label="question", text=question, trusted=True),
            Section(label="expected", text=verdict.expected, trusted=True),
            Section(label="observed", text=verdict.observed),
            *(Section(label=f"fact {name}", text=shown(f, 600)) for name, f in verdict.facts.items()),
        ),
    )
    answer = model.answer(prompt, VetoAnswer, timeout_s=timeout_s, max_tokens=MAX_ANSWER_TOKENS)
    if answer.value is not None and answer.value.veto:
        words = "".join(c if c.isprintable() else " " for c in answer.value.reason)
        verdict = replace(
            verdict, verdict=Standing.UNKNOWN, reason=capped(f"held up by a model: {words}", 300)
        )
    return SecondLook(verdict=verdict, prompt=prompt.digest, tokens=answer.tokens, problem=answer.problem)
