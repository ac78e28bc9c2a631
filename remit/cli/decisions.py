"""``remit esc resume|retry|done|rollback|abort``: five decisions, each on the basis that the human saw."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from remit.cli.door import Door, command
from remit.errors import ConflictError, RefusedError, UsageError

if TYPE_CHECKING:
    from state.task import Escalation, Task

_Esc = Annotated[str, typer.Argument(metavar="ESC", help="An escalation's id (RUN/esc-1), or its run's.")]
_Basis = Annotated[
    str | None,
    typer.Option("--basis", metavar="DIGEST", help="What you saw: from the packet. A terminal shows it."),
]
_Effect = Annotated[
    list[str] | None,
    typer.Option("--effect", metavar="OP=WORD", help="Your word: applied, not_applied or unknown."),
]
_Evidence = Annotated[Path | None, typer.Option("--evidence", metavar="FILE", help="What you rest it on.")]
_Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the record.")]
_Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Do not carry the run on; leave it to a worker.")
]
_Raw = Annotated[bool, typer.Option("--raw", help="For a run that nobody can read or carry any more.")]
_WORDS: Final = ("applied", "not_applied", "unknown")
_CHOICES: Final = (
    ("resume", "resume", "Let the run go on: it looks again, and completes if the checks now pass."),
    ("retry", "retry_once", "Allow exactly one more send, if the check still fails."),
    ("done", "mark_done", "End the run as closed_by_human: you state that the goal is reached."),
    ("rollback", "roll_back", "Undo every effect, the newest first, and prove it."),
)
MAX_EVIDENCE: Final = 64 * 1024
MAX_WHY: Final = 400
_LEAST_DIGITS: Final = 8


def add_to(esc: typer.Typer) -> None:
    """Register the commands."""
    for name, choice, says in _CHOICES:
        command(esc, name)(_decision(choice, says))
    command(esc, "abort")(_abort())


def _decision(choice: str, says: str) -> Any:
    def decide(
        door: Door,
        esc: _Esc,
        *,
        basis: _Basis = None,
        effect: _Effect = None,
        evidence: _Evidence = None,
        why: _Why = "",
        detach: _Detach = False,
    ) -> int:
        return _decide(
            door, esc, choice, basis=basis, effect=effect, evidence=evidence, why=why, detach=detach
        )

    decide.__doc__ = says
    return decide


def _abort() -> Any:
    """The fifth decision, which also ends what can be decided on no more: its options, and ``--raw``."""
    decide = _decision("abort", "End the run as closed_by_human; its effects stay, its hold is freed.")

    def abort(door: Door, esc: str, *, raw: bool, **said: Any) -> int:
        ended: int = _abort_raw(door, esc, said["why"]) if raw else decide(door, esc, **said)
        return ended

    own, keyword = inspect.signature(decide), inspect.Parameter.KEYWORD_ONLY
    also = inspect.Parameter("raw", keyword, annotation=_Raw, default=False)
    vars(abort)["__signature__"] = own.replace(parameters=[*own.parameters.values(), also])
    abort.__doc__ = decide.__doc__
    return abort


def _decide(
    door: Door, esc: str, choice: str, *, basis: str | None, effect: list[str] | None, evidence: Path | None,
    why: str, detach: bool,
) -> int:  # fmt: skip
    from remit.cli.esc import open_escalation, task_of
    from remit.cli.signals import send

    run, open_ = open_escalation(door, esc)
    body = {
        "escalation": open_.id,
        "choice": choice,
        "basis": _basis(door, run, open_, basis),
        "words": _words(task_of(door, run), effect or []),
        "evidence": _evidence(evidence),
        "reason": why,
    }
    return send(door, run, "decide", body, says=f"decided: {choice}", go_on=not detach)


def _basis(door: Door, run: str, open_: "Escalation", given: str | None) -> str:
    """What the human saw: said, or the packet that is shown to them now, at a terminal."""
    if given is not None:
        if len(given.removeprefix("sha256:")) < _LEAST_DIGITS:
            raise UsageError(
                f"--basis has at least {_LEAST_DIGITS} digits", code="usage", hint=f"remit esc show {run}"
            )
        return given
    if not door.interactive:
        raise UsageError(
            "say what you saw: --basis, from the packet", code="needs_basis", hint=f"remit esc show {run}"
        )
    from remit.cli.esc import shown_basis

    seen = shown_basis(door, open_.id)
    if not door.confirm("Is that what you decide on?", yes=False):
        raise UsageError("not decided", code="needs_yes")
    return seen


def _words(task: "Task", given: list[str]) -> dict[str, str]:
    words: dict[str, str] = {}
    known = {o.id for o in task.operations}
    for one in given:
        op, _, word = one.rpartition("=")
        if word not in _WORDS or op not in known:
            hint = f"one of {', '.join(_WORDS)}; operations: {', '.join(sorted(known)) or 'none'}"
            raise UsageError(f"--effect takes OP=WORD, not {one[:60]!r}", code="usage", hint=hint)
        if op in words:
            raise UsageError(f"--effect {op} is given twice", code="usage")
        words[op] = word
    return words


def _evidence(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_EVIDENCE + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", code="no_file") from error
    if len(raw) > MAX_EVIDENCE:
        raise UsageError(f"{file} is larger than {MAX_EVIDENCE} bytes", code="oversized")
    text = raw.decode("utf-8", errors="replace").strip()
    if not text:
        raise UsageError(f"{file} is empty: it proves nothing", code="no_evidence")
    return text


def _abort_raw(door: Door, esc: str, why: str) -> int:
    """End a run that nobody can carry, in the name of an owner or of somebody who decides its runbook."""
    from policies.desk_acts import may_end_raw
    from remit.cli.esc import task_of
    from remit.cli.following import conclude
    from remit.cli.runs import views_of
    from state.errors import NotStuckError, StillHeldError

    views = views_of(door)
    run = views.run_id(esc)
    task, desk = task_of(door, run), door.desk()
    without_policy = "" if task.unsound else views.unreadable_policy(task)
    asker = door.operator()
    if not may_end_raw(desk.in_force, asker.name):
        raise RefusedError(
            f"{asker.name} has no role that approves or decides here",
            code="not_a_decider",
            hint="ask an owner, or somebody who decides",
        )
    try:
        desk.ledger.close_raw(
            run,
            by=asker.name,
            at=desk.ledger.now(),
            why=desk.scrubber.line(why, limit=MAX_WHY),
            unsound=desk.scrubber.line(task.unsound or without_policy, limit=MAX_WHY),
            who=asker.said,
            without_policy=bool(without_policy),
        )
    except NotStuckError as sound:
        hint = f"remit runs show {run}" if task.closed else f"remit esc abort {run}"
        raise RefusedError(str(sound), code="not_stuck", hint=hint) from sound
    except StillHeldError as held:
        raise ConflictError(str(held), code="still_held", hint=f"stop worker {held.worker} first") from held
    door.say(f"recorded in chain desk: {asker.name} ended run {run}; its holds are free")
    return conclude(door, run, desk.ledger)
