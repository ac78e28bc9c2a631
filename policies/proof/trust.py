"""What a proof takes on trust: the expressions that read what no model tells, in words."""

from collections.abc import Iterator

from policies.expressions import compile_expression
from policies.proof.effects import Book
from policies.proof.starts import Starts
from policies.sites import Place, Site, sites

_ASKED_AFTER_A_WRITE = {
    Place.PROBE: "the probe",
    Place.UNDO_PROBE: "the probe of the undo",
    Place.CHECK: "the checks",
    Place.UNDO_CHECK: "the checks of the undo",
    Place.CONFLICT: "conflict_if",
    Place.COMPLETION: "the completion",
    Place.PRECONDITION: "a precondition, asked again",
}


def trusted_of(book: Book, found: Starts) -> tuple[str, ...]:
    """Say what no model tells, and from where nothing was looked."""
    return tuple(dict.fromkeys(_trusted(book, found)))


def _trusted(book: Book, found: Starts) -> Iterator[str]:
    for step, undo, _, contract in book.writes:
        if contract.model is None:
            what = f"the undo of {step.id}" if undo else step.id
            yield f"{what}: {contract.name} has no model, so what reads show after it is taken on trust"
    for site in sites(book.runbook):
        if site.place in _ASKED_AFTER_A_WRITE and not site.template:
            yield from _site(book, site)
    for condition in book.runbook.preconditions:
        if condition.tool is not None or condition.for_each is not None:
            yield f"precondition {condition.id}: what it reads by itself is taken to hold"
    if not found.kept:
        yield "no beginning was found from which the run writes: no expression was evaluated"
    elif not found.whole:
        yield f"not every beginning was walked: {len(found.kept)} were chosen from {found.tried} tried"


def _site(book: Book, site: Site) -> Iterator[str]:
    names = compile_expression(site.text).names()
    roots = {n.parts[1] if n.parts[0] == "attempt" and len(n.parts) > 1 else n.parts[0] for n in names}
    for root in sorted(roots & set(book.runbook.observe)):
        tool = book.runbook.observe[root].tool
        if tool not in book.modelled:
            yield f"{_where(book, site)} reads {root}: no write's model says what {tool} shows"


def _where(book: Book, site: Site) -> str:
    what = _ASKED_AFTER_A_WRITE[site.place]
    match site.place:
        case Place.COMPLETION:
            return f"completion {book.runbook.completion[int(site.path[1])].id}"
        case Place.PRECONDITION:
            return f"precondition {book.runbook.preconditions[int(site.owner)].id}, asked again,"
        case _:
            return f"{what} of {book.runbook.steps[int(site.owner)].id}"
