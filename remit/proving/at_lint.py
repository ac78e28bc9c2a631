"""What the quick proof adds to lint: each law that a runbook breaks, at its place in the file."""

from collections.abc import Iterable
from typing import Final

from policies.errors import Problem
from policies.proof.proof import Verdict
from policies.proof.prover import Depth
from remit.folder import Folder
from remit.proving.gate import Prover
from remit.proving.keeping import Keep
from remit.proving.spread import Bounds, Show, unseen
from remit.proving.subject import subject_of

SECONDS: Final = 5.0


def counterexamples(
    folder: Folder, refs: Iterable[str], keep: Keep, *, show: Show = unseen
) -> tuple[list[Problem], list[str]]:
    """Prove runbooks of the folder, ``SECONDS`` each at the most; those that lint has no error of.

    The laws that they break, and those of which not all was looked at: how far it goes is up to the machine.
    """
    problems, unfinished = [], []
    prover = Prover(keep, depth=Depth.QUICK, bounds=Bounds(seconds=SECONDS, workers=1), show=show)
    for ref in refs:
        book = folder.runbooks[ref]
        proof = prover.prove(subject_of(book, folder.contracts)).proof
        told = f"(remit runbook prove {book.value.id} tells it step by step)"
        for broken in proof.broken:
            found = book.document.problem(broken.path, f"{broken.what} {told}", broken.law)
            problems.append(folder.placed(found, book.path))
        if proof.verdict is Verdict.NOT_EXHAUSTED:
            unfinished.append(ref)
    return problems, unfinished
