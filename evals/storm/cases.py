"""Which runs the storm makes: kill phase by fault by dedupe kind, and what each of them must come to.

What must hold is derived from three facts alone: what the fault does to a request, where the process was
killed, and what the target can settle. Nothing here asks remit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any, Final

PATIENCE_MS: Final = 1_500  # how long the client waits for an answer
LONGEST_MS: Final = 3_500  # how long a request may land, by its contract
WITHIN_MS: Final = 200
BEYOND_MS: Final = 2_500  # behind the client's patience, within the longest request
BUDGET: Final = 2  # sends of a step after the first
GOAL: Final = 5

KINDS: Final = ("native_key", "natural_key", "conditional_write", "read_back", "none")


class Phase(StrEnum):
    """Where a process was killed; the names of the points that a run comes to."""

    NOT_KILLED = "-"
    BEFORE_INTENT = "before_intent"
    INTENT_DURABLE = "intent_durable"
    BEFORE_SEND = "before_send"
    SENT = "sent"
    REPLY = "reply"
    OUTCOME_DURABLE = "outcome_durable"
    IN_RECONCILE = "in_reconcile"
    IN_VERIFY = "in_verify"
    IN_PACKAGE = "in_package"


UNSENT: Final = frozenset({Phase.INTENT_DURABLE, Phase.BEFORE_SEND})  # an intent that nobody ever sends
OPEN: Final = UNSENT | {Phase.SENT, Phase.REPLY}  # an intent whose outcome is lost with its process


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What the target does to the writes on one thing. ``definite``: its answer says what became of it.

    ``applies``: the first request takes effect. ``bars``: why the goal cannot be promised, if it cannot:
    ``refused`` or ``lied`` the first time, ``always`` each time.
    """

    name: str
    plan: tuple[dict[str, Any], ...] = ()
    applies: bool = True
    definite: bool = False
    bars: str = ""

    def drawn_out(self) -> bool:
        """The request hangs at the target for long enough to be met there by a kill from outside."""
        return any(fault.get("delay_ms", 0) >= BEYOND_MS for fault in self.plan)


def _fault(kind: str, *, name: str = "", delay_ms: int = 0, times: int = 1, **said: Any) -> Fault:
    return Fault(name=name or kind, plan=({"kind": kind, "delay_ms": delay_ms, "times": times},), **said)


FAULTS: Final = {
    fault.name: fault
    for fault in (
        Fault(name="ok", definite=True),
        _fault("lost_reply"),
        _fault("error_after"),
        _fault("late", name="late_within", delay_ms=WITHIN_MS, definite=True),
        _fault("late", name="late_beyond", delay_ms=BEYOND_MS),
        _fault("late_dropped", delay_ms=BEYOND_MS),
        _fault("claimed", applies=False, definite=True, bars="lied"),
        _fault("garbage"),
        _fault("truncated"),
        _fault("slow", delay_ms=BEYOND_MS),
        _fault("hang", delay_ms=BEYOND_MS, applies=False),
        _fault("error_before", applies=False),
        _fault("redirect", applies=False),
        _fault("unavailable", applies=False, definite=True),
        _fault("throttled", applies=False, definite=True),
        _fault("refused", applies=False, definite=True, bars="refused"),
        _fault("unavailable", name="down", times=0, applies=False, definite=True, bars="always"),
        _fault("error_before", name="broken", times=0, applies=False, bars="always"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run on a thing of its own, named by ``thing``."""

    number: int
    kind: str
    fault: Fault
    phase: Phase = Phase.NOT_KILLED

    @property
    def thing(self) -> str:
        """The thing that this run alone writes, unique in a storm."""
        return f"t{self.number:04d}-{self.kind.replace('_', '-')}"

    @property
    def killed(self) -> bool:
        """Its first process is killed."""
        return self.phase is not Phase.NOT_KILLED

    @property
    def from_outside(self) -> bool:
        """It is killed by another process, once the target's log shows the request."""
        return self.phase is Phase.SENT

    @property
    def loses_an_outcome(self) -> bool:
        """Some intent of it is left without a definite answer."""
        return self.phase in OPEN or (not self.fault.definite and self.phase is not Phase.BEFORE_INTENT)

    @property
    def must_complete(self) -> bool:
        """The effect can be settled and the goal holds: anything but ``completed`` is a failure."""
        if self.fault.bars:
            return False
        if self.kind != "none":
            return True
        return self.fault.definite and not self.loses_an_outcome

    @property
    def bears_more_kills(self) -> bool:
        """What it must come to stays the same, however often its next holders are killed too."""
        return self.killed and self.kind != "none" and self.fault.bars != "always"

    @property
    def must_exhaust(self) -> bool:
        """It ends on its budget: as many attempts as are allowed, and a human."""
        return self.fault.bars == "always" and (self.kind != "none" or not self.loses_an_outcome)


ANY_TIME: Final = ("ok", "lost_reply", "unavailable", "down")
KILLED_WITH: Final[dict[Phase, tuple[str, ...]]] = {
    Phase.BEFORE_INTENT: ("ok", "lost_reply"),
    Phase.INTENT_DURABLE: ANY_TIME,
    Phase.BEFORE_SEND: ("ok", "error_after"),
    Phase.SENT: ("late_beyond", "late_dropped", "slow", "hang"),
    Phase.REPLY: ("ok", "lost_reply", "error_after", "claimed", "garbage", "unavailable", "refused", "down"),
    Phase.OUTCOME_DURABLE: ("ok", "lost_reply", "truncated", "claimed", "unavailable", "down"),
    Phase.IN_RECONCILE: ("lost_reply", "late_dropped", "garbage", "error_before", "broken"),
    Phase.IN_VERIFY: ("ok", "late_within", "unavailable", "claimed"),
    Phase.IN_PACKAGE: ("refused", "claimed", "down"),
}


def reaches(kind: str, fault: Fault, phase: Phase) -> bool:
    """Whether a run of this kind comes to that phase under that fault at all."""
    if phase is Phase.IN_RECONCILE:
        # A target that settles doubles is asked again, not looked at, while there is budget left.
        refuses_its_double = (
            kind in ("conditional_write", "natural_key") and fault.applies and not fault.drawn_out()
        )
        return kind == "read_back" or refuses_its_double or (fault.bars == "always" and kind != "none")
    return True


def _cases(pairs: Iterator[tuple[str, str, Phase]]) -> list[Case]:
    kept = [(kind, FAULTS[fault], phase) for kind, fault, phase in pairs]
    kept = [each for each in kept if reaches(*each)]
    return [
        Case(number=number, kind=kind, fault=fault, phase=phase)
        for number, (kind, fault, phase) in enumerate(kept, 1)
    ]


def long_form() -> list[Case]:
    """Every phase with its faults for every kind, and as many runs in which nothing is killed."""

    def pairs() -> Iterator[tuple[str, str, Phase]]:
        for phase, faults in KILLED_WITH.items():
            for fault, kind in product(faults, KINDS):
                yield kind, fault, phase
        for fault, kind in product(FAULTS, KINDS):
            yield kind, fault, Phase.NOT_KILLED
            if fault in ("ok", "lost_reply", "late_dropped", "error_after", "garbage", "down", "broken"):
                yield kind, fault, Phase.NOT_KILLED

    return _cases(pairs())


SHORT: Final = (
    ("native_key", "lost_reply", Phase.REPLY),
    ("natural_key", "error_after", Phase.INTENT_DURABLE),
    ("conditional_write", "garbage", Phase.REPLY),
    ("read_back", "ok", Phase.INTENT_DURABLE),
    ("read_back", "late_dropped", Phase.SENT),
    ("read_back", "late_dropped", Phase.NOT_KILLED),
    ("read_back", "lost_reply", Phase.IN_RECONCILE),
    ("read_back", "unavailable", Phase.IN_VERIFY),
    ("native_key", "down", Phase.IN_PACKAGE),
    ("none", "ok", Phase.OUTCOME_DURABLE),
    ("none", "lost_reply", Phase.NOT_KILLED),
    ("none", "hang", Phase.SENT),
)


def short_form() -> list[Case]:
    """A dozen: each phase once, each kind, and those that the seeded bugs spoil."""
    return _cases(iter(SHORT))
