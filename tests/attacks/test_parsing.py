"""Values that a lax parser would take: refused as they are, at the gateway, at the door and in answers."""

import json
from typing import Any

import pytest

from policies import yaml_tree
from policies.errors import LoadError
from remit.intake.principal import Asker
from remit.intake.requests import Request
from tests import guard_kit as kit
from tests.attacks import kit as attacks
from tests.attacks.kit import lines
from tests.flow.kit import House
from tests.gateway_kit import Desk


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


INFINITE = float("inf")
# line -> a value for the argument ``count``, and the code
COUNTS: dict[str, tuple[Any, str]] = {
    "text-for-integer": ("500", "argument_type"),
    "true-for-integer": (True, "argument_type"),
    "fraction-for-integer": (5.0, "call_malformed"),
    "exponent-for-integer": (1e3, "call_malformed"),
    "nan": (float("nan"), "call_malformed"),
    "infinite": (INFINITE, "call_malformed"),
    "negative-zero": (-0.0, "call_malformed"),
    "53-bits": (2**53 + 1, "call_malformed"),
    "5000-digits": (10**5000, "call_malformed"),
    "deep": (deep(100_000), "call_malformed"),
}
# line -> a value for the argument ``note``, and the code
NOTES: dict[str, tuple[Any, str]] = {
    "50-megabytes": ("x" * 50_000_000, "call_malformed"),
    "lone-surrogate": ("a\ud800", "call_malformed"),
    "nul": ("a\0b", "text_not_canonical"),
    "crlf": ("ok\r\nX-Admin: 1", "text_not_canonical"),
    "list-for-text": (["x"], "argument_type"),
}


@lines(COUNTS)
def test_a_number_is_one_or_no_call_leaves(desk: Desk, line: str) -> None:
    value, code = COUNTS[line]
    attacks.denied(desk, desk.write(arguments={**kit.ARGUMENTS, "count": value}), code)


@lines(NOTES)
def test_a_text_is_one_or_no_call_leaves(desk: Desk, line: str) -> None:
    value, code = NOTES[line]
    attacks.denied(desk, desk.write(arguments={**kit.ARGUMENTS, "note": value}), code)


@lines(["extra-field"])
def test_an_extra_argument_lets_no_call_leave(desk: Desk, line: str) -> None:
    assert line
    attacks.denied(desk, desk.write(arguments={**kit.ARGUMENTS, "admin": True}), "argument_unknown")


@lines(["flag-as-value"])
def test_a_flag_is_no_name(desk: Desk, house: House, line: str) -> None:
    assert line
    attacks.denied(desk, desk.write(arguments={**kit.ARGUMENTS, "account": "--all"}), "argument_pattern")
    attacks.rejected(house, house.ask("noted", "--all", note="x"), "bad_input")


@lines([*COUNTS])
def test_a_number_of_a_request_is_one_or_the_request_is_rejected(house: House, line: str) -> None:
    value, _ = COUNTS[line]
    attacks.rejected(house, house.ask("adds", "parsed", goal=value), "bad_input")


@lines([*NOTES, "extra-field"])
def test_a_text_of_a_request_is_one_or_the_request_is_rejected(house: House, line: str) -> None:
    if line == "extra-field":
        attacks.rejected(house, house.ask("noted", "parsed", note="x", admin=True), "unknown_input")
        return
    value, _ = NOTES[line]
    code = "oversized" if line == "50-megabytes" else "bad_input"
    attacks.rejected(house, house.ask("noted", "parsed", note=value), code)


TYPED = [
    "500 ",
    " 500",
    "\u0665\u0660",
    "+5",
    "1_000",
    "0x10",
    "05",
    "-0",
    "5.0",
    "1e3",
    "",
    "NaN",
    "true",
    "5\n",
]


@pytest.mark.parametrize("typed", TYPED)
def test_a_text_door_reads_a_number_in_one_way(house: House, typed: str) -> None:
    asker = Asker(name="ann", how="as", os_user="ann")
    given = {"thing": "parsed", "goal": typed}
    intake = house.intake()
    made = intake.submit(intake.read(Request(asker=asker, source="cli", runbook="adds", inputs=given)))
    attacks.rejected(house, made, "bad_input")


def grant(seats: str, more: str = "") -> bytes:
    return f'{{"grant_id": "g-1", "seats": {seats}{more}}}'.encode()


# line -> the answer to a write that has left
ANSWERS: dict[str, bytes] = {
    "duplicate-key": grant("7", ', "seats": 8'),
    "text-for-integer": grant('"500"'),
    "true-for-integer": grant("true"),
    "nan": grant("NaN"),
    "infinite": grant("1e400"),
    "53-bits": grant(str(2**53 + 1)),
    "5000-digits": grant("9" * 5000),
    "deep": grant("[" * 100_000 + "]" * 100_000),
    "50-megabytes": b'{"grant_id": "' + b"x" * 50_000_000 + b'", "seats": 7}',
    "lone-surrogate": b'{"grant_id": "\\ud800", "seats": 7}',
    "list-for-text": b'{"grant_id": ["g-1"], "seats": 7}',
}


@lines(ANSWERS)
def test_an_answer_that_is_not_as_declared_proves_nothing(desk: Desk, line: str) -> None:
    attacks.answered(desk, ANSWERS[line])
    attacks.unknown(desk, desk.write(), "unreadable")


@pytest.mark.parametrize("seats", ["7.0", "0.7e1", "7"])
def test_a_whole_number_in_an_answer_is_an_integer(desk: Desk, seats: str) -> None:
    attacks.answered(desk, grant(seats, ', "admin": true'))
    written = desk.write()
    assert written.reply.result == {"grant_id": "g-1"}  # what nobody declared is not kept


# line -> a file of the desk that no reader may take in its own way, and the code
FILES = {
    "duplicate-key": (b'{"a": 1, "a": 2}', "duplicate_key"),
    "fraction-for-integer": (b"a: 5.0", "bad_number"),
    "exponent-for-integer": (b"a: 1e3", "bad_number"),
    "nan": (b"a: .nan", "bad_number"),
    "5000-digits": (b"a: " + b"9" * 5000, "bad_number"),
    "deep": (b"[" * 100_000, "too_deep"),
    "50-megabytes": (b"a: " + b"x" * 50_000_000, "too_large"),
    "nul": (b"a: b\0c", "hidden_character"),
}


@lines(FILES)
def test_a_file_is_read_in_one_way_or_not_at_all(line: str) -> None:
    content, code = FILES[line]
    with pytest.raises(LoadError) as refused:
        yaml_tree.read(content, "x.yaml")
    assert {p.code for p in refused.value.problems} == {code}
    assert json.dumps([str(p) for p in refused.value.problems])
