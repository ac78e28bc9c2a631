"""Playing a whole test file."""

from collections.abc import Iterator

from remit.rehearsal.judge import judge
from remit.rehearsal.play import play
from remit.rehearsal.reading import Rehearsal
from remit.rehearsal.report import Result


def rehearse(rehearsal: Rehearsal, *, only: str = "") -> Iterator[Result]:
    """Play and judge every case whose name contains ``only``, in the order of the file."""
    for scene in rehearsal.scenes:
        if only not in scene.case.name:
            continue
        played = play(scene)
        yield Result(
            file=str(rehearsal.path),
            runbook=rehearsal.runbook,
            case=scene.case.name,
            played=played,
            differences=tuple(judge(scene.case.expect, played)),
        )
