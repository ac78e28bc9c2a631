"""What a packet is made of: the values that its callers bring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from state.entry import Entry
from state.task import Task
from state.terms import Terms

SCHEMA: Final = "remit/packet/v1"
OPTION_IDS: Final = ("resume", "retry_once", "mark_done", "roll_back", "abort")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One decision that a responder could take now. ``why``: why not, where it is not ``allowed``.

    ``does``: what exactly it would do; ``needs``: what must come with it; ``cli``: the command that takes it.
    """

    id: str
    allowed: bool
    does: str = ""
    why: str = ""
    needs: str = ""
    cli: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The stop that the packet is about. ``id`` names the escalation; ``told``, ``told_next`` who is asked.

    ``respond_by`` is the instant when ``told_next`` is told, None where nobody else is.
    """

    id: str
    reason: str
    row: int
    severity: str
    basis: str
    code: str = ""
    step: str = ""
    detail: str = ""
    told: str = ""
    told_next: str = ""
    respond_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What lies around the run. ``similar``: earlier escalations and how they ended, newest first.

    ``text`` are the words of the request, None where they were erased.
    """

    text: str | None = None
    system_owner: str = ""
    resource_runs_7d: int = 0
    similar: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What a model added, already checked against the evidence by ``kept_claims``; empty without a model."""

    claims: tuple[Mapping[str, Any], ...] = ()
    recommended: str = ""
    model_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A read made for the packet alone (``diagnose``): what it showed, and when."""

    id: str
    source: str
    at: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything a packet is made of, at the moment ``at``; ``deadline_left_ms`` None where none runs."""

    task: Task
    entries: Sequence[Entry]
    terms: Terms
    stop: Stop
    options: Sequence[Option]
    at: str
    context: Context = field(default_factory=Context)
    looks: tuple[Look, ...] = ()
    deadline_left_ms: int | None = None
    notes: Notes = field(default_factory=Notes)
