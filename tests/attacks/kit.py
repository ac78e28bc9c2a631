"""What attacks share: the doors that they come through, and how it is seen that nothing came of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from policies.guards import Denied
from remit.intake.requests import Submitted
from state.entry import Kind
from state.outcome import Outcome
from tests.flow import kit
from tests.gateway_kit import Desk
from tools.answers import classify
from tools.http_client import HttpAnswer

TEXT: Final = {"type": "string", "max_length": 200}
NAME: Final = {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,63}$"}  # a flag is no name
NOTED: Final = {"thing": NAME, "goal": {**kit._NUMBER, "minimum": 1}, "note": TEXT}
CHAT: Final = {"chat": ["bring {thing} to {goal}"]}
BOOKS: Final = [
    kit.book("adds", triggers=CHAT, refuse=[
        {"when": "100 / (inputs.goal - 7) == 1000", "reason": "odd", "say": "Ask for another goal."}]),
    kit.book("noted", inputs=NOTED),
    kit.book("asks"),
    kit.book("asks-briefly"),
    kit.book("conditional", kit.step(kind="conditional_write", probe=None)),
    kit.book("keyed", kit.step(kind="native_key", probe=None)),
    kit.book("blind", kit.step(kind="none")),
    kit.book("worn", preconditions=None, limits=kit.limits(2, attempts_on_resource={"max": 2, "per": "1h"}),
             completion_passes_unchanged="It counts attempts."),
    kit.book("elsewhere"),
    kit.book("fenced-in"),
]  # fmt: skip
ENTRIES: Final[dict[str, dict[str, Any]]] = {
    "asks": {"mode": "confirm"},
    "asks-briefly": {"mode": "confirm", "confirm_within": "400ms"},
    # its targets may touch one thing each, and not the one beside it
    "elsewhere": {"resources": {"things/*": ["thing/other-*"]}},
    "fenced-in": {"targets": ["things/ok-*"], "resources": {"things/ok-*": ["thing/ok-*"]}},
}


def add_a_source(folder: Path) -> None:
    """Let a ticket queue hold every role there is: it is no human for that."""
    file = folder / "delegation.yaml"
    content = json.loads(file.read_text())
    content["principals"]["queue"] = {"kind": "source", "roles": ["operator", "oncall", "owner"]}
    file.write_text(json.dumps(content))


def lines(of: Iterable[str]) -> pytest.MarkDecorator:
    """Parametrise a test over lines of ``lines.py``."""
    return pytest.mark.parametrize("line", list(of))


def denied(desk: Desk, written: Any, code: str) -> None:
    """The guards refused: with that code, one entry that says so, and no target has heard of it."""
    assert isinstance(written, Denied), written
    assert written.code == code, written.message
    assert desk.kinds() == [Kind.DENIED]
    assert desk.entries()[-1].body["code"] == code
    assert desk.grant.log == desk.get.log == []


def held_back(desk: Desk, written: Any, code: str) -> None:
    """The guards refused what a human or time may still allow: the run waits, no entry, nothing sent."""
    assert isinstance(written, Denied), written
    assert (written.code, written.passes) == (code, True), written.message
    assert desk.kinds() == []
    assert desk.grant.log == []


def rejected(house: kit.House, done: Submitted, code: str) -> None:
    """The request made a run that ended at once: rejected, with that code, and nothing was ever sent."""
    assert done.rejected is not None
    assert done.rejected.code == code, done.rejected.message
    last = house.entries(done.run)[-1]
    assert (str(last.kind), last.body["code"]) == ("rejected", code)
    assert house.entries(done.run, "intent", "admitted") == []


def answered(desk: Desk, body: bytes, *, status: int = 200) -> None:
    """Let the target answer the write with these bytes, read as every answer over HTTP is."""
    desk.grant.answer = classify(desk.grant.contract, HttpAnswer(status=status, headers={}, body=body))


def unknown(desk: Desk, written: Any, code: str) -> None:
    """The answer proves nothing: the outcome is unknown and says why, and nothing was sent again."""
    assert (written.reply.outcome, written.reply.code) == (Outcome.UNKNOWN, code), written.reply
    assert desk.kinds() == [Kind.INTENT, Kind.OUTCOME]
    outcome = desk.entries()[-1].body
    assert (outcome["outcome"], outcome["code"], outcome["result"]) == ("unknown", code, None)
    assert len(desk.grant.log) == 1


def sent_in_all(house: kit.House) -> int:
    """How many writes have reached the target, of anybody."""
    return sum(1 for e in house.target.journal() if e["event"] == "request" and e["method"] == "POST")
