"""A ledger that an earlier fold version wrote is sound, and folds to the records that it was read as then."""

import json
import re
import shutil
from pathlib import Path

import pytest

from evals.golden.keeping import EXPORT, READ, Golden, read, refusal
from state.entry import DESK, FOLD_VERSION, Kind
from state.ledger.export import verify_export
from state.lifecycle import ENDED
from state.packet import check_packet
from state.projection import project

LEDGERS = Path(__file__).parents[2] / "fixtures" / "ledgers"
FOLDERS = sorted(path for path in LEDGERS.iterdir() if path.is_dir())
NAMES = [path.name for path in FOLDERS]
OF_A_MACHINE = re.compile(r"/(?:tmp|work|root|home|var|proc)/|pid:\[4")


@pytest.fixture(scope="module", params=FOLDERS, ids=NAMES)
def folder(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture(scope="module")
def golden(folder: Path) -> Golden:
    return read(folder)


def findings(folder: Path, golden: Golden) -> list[tuple[str, str, str]]:
    key = bytes.fromhex(golden.kept["payload_key"])
    found = verify_export(folder / EXPORT, project=project, payload_key=key)
    return [(f.run, f.table, f.what) for f in found if f.certain]


def test_every_fold_version_up_to_this_one_has_its_ledger() -> None:
    versions = range(1, FOLD_VERSION + 1)
    assert sorted(f"fold-{version}" for version in versions) == NAMES


def test_it_verifies_offline_with_its_derived_tables_and_payloads(folder: Path, golden: Golden) -> None:
    assert findings(folder, golden) == []


def test_every_run_folds_to_the_record_that_it_was_then(golden: Golden) -> None:
    assert set(golden.kept["runs"]) == set(golden.entries) - {DESK}
    for run, kept in golden.kept["runs"].items():
        assert golden.task(run).unsound == "", kept["shows"]
        made = json.loads(json.dumps(golden.record(run)))
        # views may come to say more of the same entries, never anything else
        said_then = {name: value for name, value in made.items() if name in kept["record"]}
        said_then["request"] = {n: v for n, v in made["request"].items() if n in kept["record"]["request"]}
        assert said_then == kept["record"], kept["shows"]


def test_every_packet_is_what_its_entries_say(golden: Golden) -> None:
    seen = 0
    for run in golden.kept["runs"]:
        for digest, seq in golden.packets(run):
            packet = json.loads(golden.payloads[digest])
            assert check_packet(packet, [e for e in golden.entries[run] if e.seq < seq]) == []
            seen += 1
    assert seen >= len(golden.kept["runs"]) / 4


def test_it_holds_a_run_of_every_end_and_was_written_by_its_own_version(folder: Path, golden: Golden) -> None:
    ends = {kept["record"]["state"] for kept in golden.kept["runs"].values()}
    assert {*ENDED, "escalated"} <= ends
    version = golden.kept["fold_version"]
    assert folder.name == f"fold-{version}"
    assert {e.fold_version for entries in golden.entries.values() for e in entries} == {version}


def test_every_kind_of_entry_is_in_some_of_them() -> None:
    """But those that no run of one desk writes, and closed_raw: a ledger that holds one is not sound."""
    kinds = {e.kind for folder in FOLDERS for entries in read(folder).entries.values() for e in entries}
    elsewhere = {Kind.REPORTED, Kind.LOADED, Kind.TURNED_AWAY, Kind.SIGNED, Kind.CLOSED_RAW}
    assert set(Kind) - kinds == elsewhere


def test_it_names_no_machine_and_is_small(folder: Path) -> None:
    for name in (EXPORT, READ):
        text = (folder / name).read_text(encoding="utf-8")
        assert OF_A_MACHINE.findall(text) == []
    assert sum(path.stat().st_size for path in folder.iterdir()) < 350_000


@pytest.mark.parametrize("was", ["completed", "succeeded"])
def test_another_reading_of_it_would_be_found(was: str, folder: Path, golden: Golden, tmp_path: Path) -> None:
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    text = (copy / EXPORT).read_text(encoding="utf-8")
    (copy / EXPORT).write_text(text.replace(was, was[::-1]), encoding="utf-8")
    assert findings(copy, golden) != []


def test_a_golden_ledger_is_never_made_anew_nor_under_another_version(tmp_path: Path) -> None:
    present = f"fold-{FOLD_VERSION}"
    assert "already" in refusal(LEDGERS / present)
    assert refusal(tmp_path / f"fold-{FOLD_VERSION + 1}") != ""
    assert refusal(tmp_path / "fold-0") != ""
    assert refusal(tmp_path / "nowhere" / present) != ""
    assert refusal(tmp_path / present) == ""
