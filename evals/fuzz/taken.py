"""What must hold of a document that was taken: whatever is made of it next is made, or refused as clearly."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from evals.fuzz.mutate import as_json
from policies.contract import ToolContract
from policies.expressions import Expression
from policies.lint import lint
from policies.loader import Loaded
from policies.plan import compile_plan
from policies.reasons import REASONS, Area
from policies.templates import Template
from remit.intake.principal import Asker
from remit.intake.requests import Request
from remit.rehearsal.house import ASKER, House, open_house
from remit.rehearsal.play import play
from remit.rehearsal.reading import Tools, read_connector, read_rehearsal
from remit.rehearsal.stage import build
from state.ledger.export import export
from state.ledger.port import Finding, Query
from state.packet import check_packet, command_lines, packet_text
from tools.errors import SetupError
from tools.sim.world import World

ROOT: Final = Path(__file__).resolve().parents[2]
_QUOTA: Final = ROOT / "runbooks" / "quota-raise" / "runbook.test.yaml"
_HOUSES: Final[list[House]] = []
_MOST_RUNS: Final = 30

REQUESTS: Final[Sequence[dict[str, Any]]] = (
    {"text": "raise the quota of acc-17 by 5", "criteria": ["raised-once"]},
    {
        "runbook": "quota-raise",
        "inputs": {"account": "acc-17", "count": 5},
        "ref": "OPS-1",
        "delivery": "d-1",
    },
    {"runbook": "quota-raise@1", "inputs": {"account": "acc-17", "count": "5"}, "text_door": True},
)


def anything(value: Any) -> None:
    """Nothing more is asked."""
    del value


def runbook(loaded: Loaded[Any]) -> None:
    """Lint says what it finds with its place, and what it passes can be planned."""
    known = _contracts()
    problems = lint(loaded.value, known, loaded.document)
    assert all(p.line > 0 and p.column > 0 and p.code and p.message for p in problems), problems
    if all(p.warning for p in problems):
        compile_plan(loaded.value, known)


def connector(loaded: Loaded[Any]) -> None:
    """Its contracts can be approved, and its target can be played, or it is said why not."""
    for contract in loaded.value.contracts().values():
        assert ToolContract.from_document(contract.document).digest == contract.digest
    with suppress(SetupError):
        World().add_modelled(loaded.value)


def delegation(loaded: Loaded[Any]) -> None:
    """Every question that admission asks of it has an answer."""
    for entry in loaded.value.delegate:
        entry.covers_target("a/b")
        entry.covers_resource("a/b", "c:d")


def catalog(loaded: Loaded[Any]) -> None:
    """Every service finds its dependencies."""
    loaded.value.entries()


def expression(found: Expression) -> None:
    """It names what it reads, and is unknown over nothing."""
    found.names()
    found.truth({})


def template(found: Template) -> None:
    """It names what it needs."""
    found.names()


def findings(found: Sequence[Finding]) -> None:
    """Each says what is wrong."""
    assert all(one.what and one.table for one in found), found


def request(value: Any) -> None:
    """Intake keeps every request: as a run, or with the code of why it is none."""
    fields: Mapping[str, Any] = value if isinstance(value, dict) else {"text": str(value)}
    inputs, criteria = fields.get("inputs"), fields.get("criteria")
    asked = Request(
        asker=Asker(name=ASKER, how="as", os_user=ASKER),
        source="api",
        text=str(fields.get("text", "")),
        runbook=str(fields.get("runbook", "")),
        inputs=inputs if isinstance(inputs, dict) else {},
        criteria=tuple(map(str, criteria)) if isinstance(criteria, list) else (),
        text_door=fields.get("text_door") is True,
        ref=str(fields.get("ref", "")),
        delivery=str(fields["delivery"]) if fields.get("delivery") else None,
    )
    at_home = house()
    intake = at_home.intake()
    done = intake.submit(intake.read(asked))
    assert at_home.ledger.read(done.run)
    if done.rejected is not None:
        assert done.rejected.code in REASONS[Area.ADMISSION], done.rejected
        assert done.rejected.message


def packet(value: Any) -> None:
    """A packet is judged whatever it holds, and one that is fit can be shown."""
    if not isinstance(value, dict):
        return
    faults = check_packet(value)
    assert all(isinstance(fault, str) and fault for fault in faults), faults
    if not faults:
        packet_text(value)
        for option in value["options"]:
            list(command_lines(option["cli"]))


@cache
def packets() -> tuple[Any, ...]:
    """Packets as runs leave them."""
    example = json.loads((ROOT / "tests" / "fixtures" / "examples" / "packet.json").read_text())
    rehearsal = read_rehearsal(_QUOTA, Tools())
    stopped = next(s for s in rehearsal.scenes if s.case.name == "busy, and busy again")
    return (play(stopped).packet, example)


@cache
def exports() -> tuple[Any, ...]:
    """The rows of an export, without its last line: that is made anew for what was changed."""
    at_home = _new_house()
    at_home.submit({"account": "acc-17", "count": 5})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        export(at_home.ledger, path)
        return ([json.loads(line) for line in path.read_bytes().splitlines()[:-1]],)


def as_export(value: Any) -> bytes:
    """Rows as the lines of an export, with a last line that fits: what is wrong is wrong in a row."""
    if not isinstance(value, list):
        return as_json(value)
    lines = [json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in value]
    digest = sha256(b"".join(lines)).hexdigest()
    last = json.dumps({"rows": len(lines) - 1, "sha256": digest}, separators=(",", ":"))
    return b"".join([*lines, last.encode() + b"\n"])


@cache
def _contracts() -> Mapping[str, ToolContract]:
    connectors = [read_connector(path) for path in sorted((ROOT / "runbooks").glob("*/connector*.yaml"))]
    scene = read_rehearsal(ROOT / "runbooks" / "service-recovery" / "runbook.test.yaml", Tools()).scenes[0]
    return build(scene.world, connectors, ()).contracts


def house() -> House:
    """A desk to ask at; a new one now and then, or its list of runs would grow without end."""
    if not _HOUSES or len(_HOUSES[0].ledger.runs(Query(limit=1000))) > _MOST_RUNS:
        _HOUSES[:] = [_new_house()]
    return _HOUSES[0]


def _new_house() -> House:
    scene = read_rehearsal(_QUOTA, Tools()).scenes[0]
    stage = scene.stage()
    return open_house(stage, list(stage.tools), scene.book)
