"""``remit ledger verify|export``: prove the ledger, here or from an export, and copy it out."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remit.cli.door import ENDED_OTHERWISE, OK, Door, columns, command
from remit.errors import UsageError
from state.wording import count_text, wrapped

if TYPE_CHECKING:
    from state.ledger.port import Finding


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    ledger = typer.Typer(
        no_args_is_help=True, help="Prove the ledger, or copy it out.", rich_markup_mode=None
    )
    command(ledger, "verify")(verify)
    command(ledger, "export")(export)
    app.add_typer(ledger, name="ledger")


def verify(
    door: Door,
    file: Annotated[
        Path | None, typer.Argument(metavar="[EXPORT]", help="An export; else this desk's ledger.")
    ] = None,
) -> int:
    """Check every chain, hash and derived table; says what it cannot prove."""
    if file is None:
        return _said(door, door.desk().ledger.verify())
    from state.ledger.export import verify_export
    from state.projection import project

    if not file.is_file():
        raise UsageError(f"there is no file {file}", code="no_file")
    return _said(door, verify_export(file, project=project))


def export(
    door: Door,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, readable by you alone.")],
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only this run.")] = None,
) -> int:
    """Write the ledger as JSON lines that ``ledger verify FILE`` checks offline."""
    return write_export(door, out, run)


def write_export(door: Door, out: Path, run: str | None) -> int:
    """Write an export of everything, or of one run; UsageError where it cannot be written."""
    from remit.views import Views
    from state.ledger.export import export as written

    desk = door.desk()
    if out.exists():
        raise UsageError(f"{out} is there already", code="file_exists", hint="name a new file")
    only = Views(desk.ledger, desk.in_force).run_id(run) if run else None
    try:
        rows = written(desk.ledger, out, run=only)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}", code="no_file") from error
    if door.json:
        door.data({"file": str(out), "rows": rows, "run": only})
    else:
        door.say(f"{count_text(rows, 'row')} written to {out}", f"next: remit ledger verify {out}")
    return OK


def _said(door: Door, findings: "Iterable[Finding]") -> int:
    found = list(findings)
    certain = [f for f in found if f.certain]
    if door.json:
        door.data({"sound": not certain, "findings": [asdict(f) for f in found]})
        return ENDED_OTHERWISE if certain else OK
    door.text(*(part for f in found for part in wrapped(_line(f), columns(), hang=9)))
    if certain:
        door.say(f"the ledger is NOT sound: {count_text(len(certain), 'finding')}")
        return ENDED_OTHERWISE
    door.say("the ledger is sound" + ("; what cannot be proven from it alone stands above" if found else ""))
    return OK


def _line(finding: "Finding") -> str:
    where = " ".join(
        str(p) for p in (finding.table, finding.run, finding.seq, finding.column) if p not in (None, "")
    )
    return f"{'WRONG   ' if finding.certain else 'unproven'} {where}: {finding.what}"
