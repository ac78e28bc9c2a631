"""``remit ledger verify|export``: prove the ledger, here or from an export, and copy it out."""

from pathlib import Path
from typing import Annotated

import typer

from remit.cli.door import ENDED_OTHERWISE, OK, Door, command
from remit.errors import UsageError


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
    from remit.audit import verify_export, verify_ledger

    findings = verify_export(file) if file else verify_ledger(door.settings())
    certain = [f for f in findings if f.certain]
    if door.json:
        door.data({"sound": not certain, "findings": [f.as_json() for f in findings]})
        return ENDED_OTHERWISE if certain else OK
    door.text(*(f.line for f in findings))
    if certain:
        door.say(f"the ledger is NOT sound: {len(certain)} findings")
        return ENDED_OTHERWISE
    door.say(
        "the ledger is sound"
        + (f"; {len(findings)} things cannot be proven from it alone (above)" if findings else "")
    )
    return OK


def export(
    door: Door,
    run: Annotated[str | None, typer.Argument(help="One run; else all.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A new file; else stdout.")] = None,
) -> int:
    """Write the ledger as JSON lines that ``ledger verify`` checks offline."""
    from remit.audit import export_lines

    lines = export_lines(door.settings(), run)
    if out is None:
        for line in lines:
            print(line)
        return OK
    try:
        with out.open("x", encoding="utf-8") as file:
            count = sum(1 for line in lines if file.write(line + "\n"))
    except FileExistsError:
        raise UsageError(f"{out} is there already", code="file_exists", hint="name a new file") from None
    door.say(f"{count} lines written to {out}", f"next: remit ledger verify {out}")
    return OK
