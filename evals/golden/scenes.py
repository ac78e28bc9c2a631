"""What golden ledgers hold: a run of every kind of end, and of every way to stand still."""

from collections.abc import Callable
from typing import Final

from agents.models.scripted import ScriptedModel
from evals.golden.house import House
from state.ledger.port import Stop

EVIDENCE: Final = "I looked at the cell through its window: it holds the number."


def play(house: House) -> None:
    """Play every scene and hold each to the end that it is there to show (AssertionError)."""
    for shows, scene in SCENES.items():
        run = scene(house, shows)
        task = house.task(run)
        stands = task.closed or ("escalated" if task.open_escalation else "waiting")
        assert stands == shows.partition(",")[0], (
            f"{shows}: it is {stands} ({task.reason or task.open_escalation})"
        )


def _set(house: House, shows: str) -> str:
    run = house.say_in_words(shows, "set plain-1 to 5", ref="ticket 17")
    house.say_in_words(shows, "set plain-1 to 5", ref="ticket 18")  # attached
    house.follow(run)
    return run


def _so_already(house: House, shows: str) -> str:
    run = house.ask(shows, "ask-and-set", "plain-1")
    house.follow(run)
    return run


def _rolled_back(house: House, shows: str) -> str:
    run = house.ask(shows, "set-and-mark", "full-1")
    house.follow(run)
    return run


def _left(house: House, shows: str) -> str:
    run = house.ask(shows, "set-and-perhaps-mark", "full-2")
    house.follow(run)
    return run


def _confirmed(house: House, shows: str) -> str:
    run = house.ask(shows, "ask-and-set", "plain-3")
    asked = house.follow(run).confirmations["set/1"]
    house.signal(run, "confirm", by="bob", op=asked.op, digest=asked.digest, answer="yes")
    house.follow(run)
    return run


def _granted(house: House, shows: str) -> str:
    run = house.ask(shows, "set-cell", "twice-1")
    house.follow(run)
    house.decide(run, "retry_once")
    return run


def _again(house: House, shows: str) -> str:
    run = house.ask(shows, "set-cell", "again-1")
    house.follow(run)
    return run


def _denied(house: House, shows: str) -> str:
    run = house.ask(shows, "set-cell", "outside-1")
    house.follow(run)
    house.decide(run, "abort")
    return run


def _escalated(house: House, shows: str) -> str:
    run, rules = house.ask(shows, "set-and-mark", "plain-1", number=7), house.app.model
    said = {"move": "wait", "reason": "somebody may set it back", "wait_s": 1}
    house.app.model = ScriptedModel([said, {"move": "accept", "reason": "nobody did"}])
    try:
        house.follow(run)
    finally:
        house.app.model = rules
    house.signal(run, "ack", by="bob", escalation=f"{run}/esc-1")
    house.signal(run, "cancel", by="ann", reason="not needed")  # refused: a human has been asked
    return run


def _unresolved(house: House, shows: str) -> str:
    run = house.ask(shows, "set-cell", "lost-1")
    house.follow(run)
    return run


def _word(house: House, shows: str) -> str:
    run = house.ask(shows, "set-cell", "lost-2")
    house.follow(run)
    house.decide(run, "mark_done", words={"set/1": "applied"}, evidence=EVIDENCE)
    return run


def _cancelled(house: House, shows: str) -> str:
    run = house.ask(shows, "set-cell", "plain-6")
    house.signal(run, "pause", by="ann", reason="a moment")
    house.signal(run, "cancel", by="ann", reason="not needed")
    house.follow(run)
    return run


def _turned_away(house: House, shows: str) -> str:
    return house.ask(shows, "set-cell", "plain-7", number=1001)


def _taken_over(point: str, cell: str, number: int) -> Callable[[House, str], str]:
    def scene(house: House, shows: str) -> str:
        run = house.ask(shows, "set-cell", cell)
        house.killed_at(point, run, number=number)
        house.follow(run)
        return run

    return scene


def _stopped(house: House, shows: str) -> str:
    ledger = house.app.ledger
    run = house.say_in_words(shows, "set plain-8 to 6")
    ledger.stop(Stop(scope="runbook:set-cell", by="bob", at=ledger.now(), why="to look at it first"))
    house.work(run)
    ledger.start("runbook:set-cell", by="bob", at=ledger.now())
    text = house.follow(run).request["text"]
    assert ledger.erase(text, by="sue", at=ledger.now(), why="asked for")
    return run


def _paused(house: House, shows: str) -> str:
    run = house.ask(shows, "set-cell", "plain-9")
    house.signal(run, "pause", by="ann", reason="until tomorrow")
    return run


# The word before the comma is how the run then stands.
SCENES: Final[dict[str, Callable[[House, str], str]]] = {
    "completed, asked in words by two": _set,
    "completed, behind a retry that a human granted": _granted,
    "completed, behind a retry": _again,
    "completed, confirmed by a human": _confirmed,
    "completed, taken over before the send": _taken_over("intent_durable", "plain-11", 1),
    "completed, taken over behind the send": _taken_over("sent", "plain-12", 2),
    "completed, behind a stop, its text erased": _stopped,
    "rolled_back, the second step was refused": _rolled_back,
    "partially_completed, an optional step was refused": _left,
    "closed_by_human, with a word on an unresolved write": _word,
    "closed_by_human, behind a guard's no": _denied,
    "cancelled, before any effect": _cancelled,
    "rejected, at the door": _turned_away,
    "rejected, by a precondition": _so_already,
    "escalated, by a precondition at which a model was asked": _escalated,
    "escalated, a write is unresolved": _unresolved,
    "waiting, paused": _paused,
}
