"""The pure parts of the ledger: references to payloads, seals, patterns of targets, misfits."""

import subprocess
import sys

import pytest

from state.ledger.columns import misfit
from state.ledger.derived import instant
from state.ledger.payload import payload_of, references
from state.ledger.refusals import matches
from state.ledger.seals import seal_of


def test_a_payload_is_named_by_a_keyed_digest() -> None:
    text = payload_of("yes", key=b"k")
    assert text.digest.startswith("hmac-sha256:")
    assert text.digest != payload_of("yes", key=b"other").digest
    body = {"a": [text.digest, {"b": "sha256:" + "0" * 64}], "c": "hmac-sha256:short", "d": 1}
    assert list(references(body)) == [text.digest, "sha256:" + "0" * 64]


@pytest.mark.parametrize(
    ("target", "patterns", "expected"),
    [
        ("prod/a", (), True),
        ("prod/a", ("prod/a",), True),
        ("prod/ab", ("prod/a",), False),
        ("prod/ab", ("prod/a*",), True),
        ("prod/ab", ("dev/*", "prod/*"), True),
        ("prod/ab", ("*/ab",), False),
    ],
)
def test_targets_of_a_limit(target: str, patterns: tuple[str, ...], expected: bool) -> None:
    assert matches(target, patterns) is expected


def test_a_seal_tells_columns_apart() -> None:
    assert (
        len(
            {
                seal_of("a", "b"),
                seal_of("ab", ""),
                seal_of("a", None),
                seal_of("a", "None"),
                seal_of("1"),
                seal_of(1),
            }
        )
        == 6
    )


def test_instants_have_one_width() -> None:
    assert instant("2026-11-23T22:08:40+01:00") == "2026-11-23T21:08:40.000000Z"


def test_a_row_that_fits_no_table() -> None:
    assert misfit("stops", {"scope": "desk", "by": "lee", "at": "x", "why": ""}) is None
    assert "no table" in str(misfit("spies", {}))
    assert "columns" in str(misfit("stops", {"scope": "desk"}))
    for wrong in (1, None, True, [], 0.5):
        assert "cannot hold" in str(misfit("stops", {"scope": "desk", "by": wrong, "at": "x", "why": ""}))
    assert "cannot hold" in str(misfit("heads", {"run": "r", "seq": True, "hash": "", "epoch": 0}))


def test_only_the_sql_part_imports_sqlalchemy() -> None:
    code = (
        "import sys, state.ledger.port, state.ledger.memory, state.ledger.export, state.ledger.audit; "
        "print([m for m in ('sqlalchemy', 'alembic') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_opening_an_existing_ledger_does_not_import_alembic(tmp_path: object) -> None:
    code = (
        "import sys; from state.ledger.sql.opening import open_ledger; open_ledger(sys.argv[1]).close(); "
        "print('alembic' in sys.modules)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, f"{tmp_path}/l.db"], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs == ["True\n", "False\n"]
