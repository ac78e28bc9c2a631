"""What a run asks a human for besides a decision: a yes to one write, or a word that a process is dead."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from state.wording import pairs_text

if TYPE_CHECKING:
    from remit.views import Shown
    from state.task import Confirmation, Task


def asked_of(task: "Task") -> "list[Confirmation]":
    """The writes that wait for a yes, the newest last."""
    if task.closed is not None or task.open_escalation is not None:
        return []
    return [c for c in task.confirmations.values() if c.answer is None]


def confirmation_row(shown: "Shown") -> dict[str, Any] | None:
    """What a run asks a yes for, with the call itself; None where it asks for none."""
    asked = asked_of(shown.task)
    if not asked:
        return None
    newest = asked[-1]
    call: dict[str, Any] = {}
    for entry in shown.folded:
        if str(entry.kind) == "waiting" and entry.body.get("digest") == newest.digest:
            call = {
                name: entry.body[name] for name in ("tool", "arguments", "resource") if name in entry.body
            }
    return {
        "op": newest.op,
        **call,
        "summary": newest.summary,
        "asked_at": newest.asked_at,
        "until": newest.expires_at,
        "digest": newest.digest,
        "cli": confirm_command(shown.task.run),
    }


def confirm_command(run: str) -> str:
    """The command that answers it; one of both words is typed."""
    return f"remit esc confirm {run} --yes|--no"


def confirmation_lines(shown: "Shown", row: dict[str, Any], *, left: str) -> Iterator[str]:
    """What is asked, for a terminal; ``left``: how long it may still be answered."""
    task = shown.task
    yield f"ASKS FOR A YES  {task.runbook}@{task.version} on {task.target}, before it sends {row['op']}"
    if "tool" in row:
        yield f"  tool      {row['tool']}"
        yield f"  with      {pairs_text(row['arguments']) or 'nothing'}"
        yield f"  resource  {row['resource']}"
    else:
        yield f"  call      {row['summary']}"
    yield f"  until     {row['until'][:19]}Z ({left}); then it stops for a human, and nothing is sent"
    yield f"  answer    {row['cli']}"
