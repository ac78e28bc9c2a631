"""The page on the decision table, made from ``policies.moves.ROWS`` and ``policies.decisions``."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, Final

from evals.docs import markdown
from policies.decisions import CHOICES, KINDS, TABLE
from policies.move import Close, Escalate, Move, Turn, Wait
from policies.moves import ROWS

_INTRO: Final = """
What a run does next is the answer of the first row that matches. The rows stand in the order in which they
are asked; row 17 is asked in two places. They are pure functions of the run's entries, its pinned runbook and
a moment; nothing else has a say. A model may put a wait, another look or an escalation in the place of a
move, never a send.

Row 1 is not in the table: a run whose entries do not add up is *stuck*, and no row is asked about it. A human
ends it with `remit esc abort --raw`.
"""
_DECISIONS: Final = """
When a run has stopped, these five are always listed, each with whether it is allowed now. What a choice does
depends on why the run stopped.
"""


def page() -> str:
    """Text of the page."""
    return markdown.page(
        "Decision table",
        "policies/moves/ and policies/decisions.py",
        _INTRO,
        markdown.table(("row", "when", "moves"), [_row(row) for row in ROWS]),
        "## What a human may decide",
        _DECISIONS,
        *_decisions(),
    )


def moves_of(row: Callable[..., Any]) -> tuple[str, ...]:
    """Every move that the source of a row can answer, sorted; an escalation with each reason it can have."""
    found = set(_moves(row, set()))
    if "Escalate" in found:  # the reason is a variable: every reason that the row itself writes out
        written = {n.value for n in ast.walk(_tree(row)) if isinstance(n, ast.Constant)}
        found = (found - {"Escalate"}) | {f"Escalate `{reason}`" for reason in KINDS if reason in written}
    return tuple(sorted(found))


def _row(row: Callable[..., Any]) -> tuple[str, str, str]:
    number = row.__name__.removeprefix("row_").partition("_")[0].rstrip("b")
    return number, markdown.first_sentence_of(row), ", ".join(moves_of(row))


def _tree(function: Callable[..., Any]) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _moves(function: Callable[..., Any], seen: set[str]) -> Iterator[str]:
    """Moves that ``function``, or a function of the same room that it calls, can answer."""
    if function.__name__ in seen or function.__name__ == "due":  # what becomes of the due write is the row's
        return
    seen.add(function.__name__)
    for call in (n for n in ast.walk(_tree(function)) if isinstance(n, ast.Call)):
        for name in (call.func, *call.args):
            found = function.__globals__.get(name.id) if isinstance(name, ast.Name) else None
            if isinstance(found, type) and issubclass(found, Move):
                yield _said(found, call)
            elif inspect.isfunction(found) and found.__module__.startswith("policies.moves"):
                yield from _moves(found, seen)


def _said(move: type[Move], call: ast.Call) -> str:
    telling = {Turn: "to", Close: "state", Escalate: "reason", Wait: "reason"}.get(move)
    for keyword in call.keywords:
        if keyword.arg == telling and isinstance(keyword.value, ast.Constant):
            return f"{move.__name__} `{keyword.value.value!s}`"
        if keyword.arg == telling and isinstance(keyword.value, ast.Attribute):
            return f"{move.__name__} `{keyword.value.attr.lower()}`"
    return move.__name__


def _decisions() -> list[str]:
    parts = []
    for kind, does in TABLE.items():
        reasons = [reason for reason, of in KINDS.items() if of == kind]
        stopped = markdown.codes(reasons) or "`verify_failed` or `verify_unknown` of the completion"
        rows = [(markdown.code(choice), does[choice]) for choice in CHOICES]
        parts += [f"**Stopped by** {stopped}:", markdown.table(("choice", "what it does"), rows)]
    return parts
