"""``remit ledger verify|export|grants``: prove the ledger, copy it out, and say what its workers may do."""

import importlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from remit.cli.door import ENDED_OTHERWISE, OK, Door, columns, command
from remit.cli.payload_keys import key_at_hand, key_from
from remit.errors import UsageError
from state.wording import count_text, wrapped

if TYPE_CHECKING:
    from state.ledger.against import Comparison
    from state.ledger.port import Finding, Record

_PROGRAM: Final = "evals.invariants.program"
_STANDS: Final = {
    "same": "it holds the same",
    "continues": "it holds all of it, and goes on from there",
    "lacks": "it does NOT hold all of it",
    "contradicts": "it CONTRADICTS it",
}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    ledger = typer.Typer(
        no_args_is_help=True, help="Prove the ledger, or copy it out.", rich_markup_mode=None
    )
    command(ledger, "verify")(verify)
    command(ledger, "export")(export)
    command(ledger, "grants")(grants)
    app.add_typer(ledger, name="ledger")


def verify(
    door: Door,
    file: Annotated[
        Path | None, typer.Argument(metavar="[EXPORT]", help="An export; else this desk's ledger.")
    ] = None,
    *,
    invariants: Annotated[
        bool, typer.Option("--invariants", help="Judge what must always hold besides.")
    ] = False,
    effects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --invariants: the targets' own log.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The payload key of an export; else this desk's.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="EXPORT", help="An older export that it must hold all of.")
    ] = None,
) -> int:
    """Check every chain, hash and derived table; says what it cannot prove."""
    if effects is not None and not invariants:
        raise UsageError("--effects is judged with --invariants only", code="usage")
    if file is None:
        if key_file is not None:
            raise UsageError("--key-file is for an export; a desk has its own", code="usage")
        ledger = door.desk().ledger
        judged = _judged(ledger.records(), effects, _secrets(door)) if invariants else None
        held = _held_against(against, ledger.records()) if against is not None else None
        return _said(door, ledger.verify(), judged, held)
    from state.ledger.export import records_of, run_of, verify_export, whole
    from state.projection import project

    _must_be_there(file)
    key = key_from(key_file) if key_file is not None else key_at_hand(door, file)
    found = list(verify_export(file, project=project, payload_key=key))
    judged = held = None
    if not any(f.certain and f.table == "export" for f in found):
        if invariants:
            judged = _judged(records_of(file), effects, (), whole=whole(file))
        if against is not None:
            held = _held_against(against, records_of(file), only=run_of(file))
    return _said(door, found, judged, held)


def _must_be_there(file: Path) -> None:
    if not file.is_file():
        what = f"{file} is a folder, not an export" if file.is_dir() else f"there is no file {file}"
        raise UsageError(what, code="no_file", hint="remit ledger export FILE writes one")


def _held_against(older: Path, records: "Iterable[Record]", *, only: str | None = None) -> "Comparison":
    """Hold ``records`` against the export ``older``, which must be sound itself to say anything."""
    from state.ledger.against import chains_of, compare
    from state.ledger.export import records_of, run_of, verify_export

    _must_be_there(older)
    if wrong := next((f for f in verify_export(older) if f.certain), None):
        raise UsageError(f"{older} is not sound itself: {wrong.what}", code="bad_file")
    mine, theirs = only, run_of(older)
    if mine and theirs and mine != theirs:
        raise UsageError(f"{older} is of run {theirs}, not of {mine}", code="bad_file")
    return compare(chains_of(records), chains_of(records_of(older)), only=mine or theirs)


def _judged(
    records: "Iterable[Record]", effects: Path | None, secrets: Sequence[str], *, whole: bool = True
) -> dict[str, Any]:
    """Judge the invariants by the program of the room of evals, found by its name as the demo is."""
    program: Any = importlib.import_module(_PROGRAM)
    try:
        found: dict[str, Any] = program.judge(records, whole=whole, effects=effects, secrets=secrets)
    except (OSError, ValueError) as error:
        raise UsageError(f"{effects} cannot be read: {error}", code="no_file") from error
    return found


def _secrets(door: Door) -> tuple[str, ...]:
    """Every secret of the desk: none of them may stand in its ledger."""
    from remit.kit import secrets_of

    return tuple(secrets_of(door.settings(), os.environ).live())


def export(
    door: Door,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, readable by you alone.")],
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only this run.")] = None,
) -> int:
    """Write the ledger as JSON lines that ``ledger verify FILE`` checks offline."""
    return write_export(door, out, run)


def grants(
    door: Door,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role that workers connect as.")],
    schema: Annotated[str, typer.Option("--schema", metavar="NAME", help="Where the tables are.")] = "public",
) -> int:
    """Print the SQL that lets a role of Postgres work on the ledger, and change nothing of its past.

    It is for the owner of the tables to run: remit ledger grants remit | psql DATABASE
    """
    from state.ledger.sql.postgres_schema import grants as commands

    found = list(commands(role, schema))
    if door.json:
        door.data({"role": role, "schema": schema, "commands": found})
    else:
        door.say(*(f"{line};" for line in found))
    return OK


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


def _said(
    door: Door,
    findings: "Iterable[Finding]",
    judged: dict[str, Any] | None = None,
    held: "Comparison | None" = None,
) -> int:
    found = [*(held.findings if held is not None else ()), *findings]
    certain = [f for f in found if f.certain]
    broken = judged["violations"] if judged is not None else []
    code = ENDED_OTHERWISE if certain or broken else OK
    if door.json:
        more: dict[str, Any] = {"invariants": judged} if judged is not None else {}
        if held is not None:
            more["against"] = {"verdict": held.verdict, "compared": held.compared, "longer": held.longer}
        door.data({"sound": not certain, "findings": [asdict(f) for f in found], **more})
        return code
    lines = [_line(f) for f in found]
    if judged is not None:
        lines += [f"unjudged invariant {v['invariant']}: {v['why']}" for v in judged["not_judged"]]
        lines += [f"BROKEN   invariant {v['invariant']} {_place(v)}: {v['what']}" for v in broken]
    door.text(*(part for line in lines for part in wrapped(line, columns(), hang=9)))
    if judged is not None:
        number = count_text(len(judged["judged"]), "invariant")
        kept = "hold, as far as they can be judged" if not broken else "do NOT all hold"
        door.say(f"the {number} {kept}")
    if held is not None:
        number = count_text(held.compared, "chain")
        door.say(f"{number} compared with the older copy: {_STANDS[held.verdict]}")
    if certain:
        door.say(f"the ledger is NOT sound: {count_text(len(certain), 'finding')}")
    else:
        unproven = "; what cannot be proven from it alone stands above" if found else ""
        door.say(f"the ledger is sound{unproven}")
    return code


def _place(violation: dict[str, Any]) -> str:
    seq = violation["seq"]
    return str(violation["run"]) + (f"/{seq}" if seq is not None else "")


def _line(finding: "Finding") -> str:
    where = " ".join(
        str(p) for p in (finding.table, finding.run, finding.seq, finding.column) if p not in (None, "")
    )
    return f"{'WRONG   ' if finding.certain else 'unproven'} {where}: {finding.what}"
