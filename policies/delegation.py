"""Who may ask for what, where and when (``remit/delegation/v1``): the models of ``delegation.yaml``."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from policies.contract import Frozen
from policies.durations import Span
from policies.runbook import Expression

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES: Final = 24 * 60
WEEK_MINUTES: Final = 7 * DAY_MINUTES
_SEARCH_STEPS: Final = 3

PrincipalName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}$")]
Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
RunbookRef = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}@[1-9][0-9]{0,6}$")]
# Segments between slashes; a star stands for any text inside its segment and never crosses a slash.
Pattern = Annotated[str, Field(pattern=r"^[^/\s]+(/[^/\s]+)*$", max_length=200)]


def matches(pattern: str, text: str) -> bool:
    """Whether ``text`` has the segments of ``pattern``; a star is any text inside one non-empty segment."""
    wanted, given = pattern.split("/"), text.split("/")
    return len(wanted) == len(given) and all(map(_segment_matches, wanted, given))


def _segment_matches(pattern: str, text: str) -> bool:
    head, *rest = pattern.split("*")
    if not rest:
        return bool(text) and pattern == text
    if not text or not text.startswith(head):
        return False
    *middle, tail = rest
    at, end = len(head), len(text) - len(tail)
    if end < at or not text.endswith(tail):
        return False
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


class Principal(Frozen):
    """Somebody or something that can ask: a human with accounts, or a source such as a ticket queue."""

    kind: Literal["human", "source"] = "human"
    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=40)]
    os: tuple[str, ...] = ()
    slack: str | None = None
    matrix: str | None = None
    email: str | None = None


def _week_minute(value: Any) -> Any:
    if not isinstance(value, str):
        raise PydanticCustomError("bad_time_of_week", "a time of the week is written Fri 16:00")
    day, _, time = value.partition(" ")
    hour, _, minute = time.partition(":")
    digits = hour + minute
    if day not in DAYS or len(hour) != 2 or len(minute) != 2 or not (digits.isascii() and digits.isdigit()):  # noqa: PLR2004
        raise PydanticCustomError("bad_time_of_week", "a time of the week is written Fri 16:00")
    if int(hour) > 23 or int(minute) > 59:  # noqa: PLR2004
        raise PydanticCustomError("bad_time_of_week", "there is no such time of day")
    return DAYS.index(day) * DAY_MINUTES + int(hour) * 60 + int(minute)


def _written(minute: int) -> str:
    day, rest = divmod(minute, DAY_MINUTES)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"


WeekMinute = Annotated[
    int,
    BeforeValidator(_week_minute),
    WithJsonSchema(
        {"type": "string", "pattern": "^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01][0-9]|2[0-3]):[0-5][0-9]$"}
    ),
]


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        raise PydanticCustomError("unknown_zone", "no such time zone")
    return value


class Closed(Frozen):
    """A span of every week, minutes since Monday 00:00; an end before the start goes over the week's end."""

    from_min: WeekMinute = Field(alias="from")
    until_min: WeekMinute = Field(alias="until")

    def __str__(self) -> str:
        """Write ``Fri 16:00 to Mon 08:00``."""
        return f"{_written(self.from_min)} to {_written(self.until_min)}"


class Window(Frozen):
    """When no first write is sent: the ``closed`` span in ``zone``, where ``when`` is true of the inputs."""

    when: Expression = "true"
    closed: Closed
    zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"

    def closed_at(self, moment: datetime) -> bool:
        """Whether the span covers that aware moment (``when`` is not asked here)."""
        local = moment.astimezone(ZoneInfo(self.zone))
        minute = local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute
        start, end = self.closed.from_min, self.closed.until_min
        return start <= minute < end if start < end else minute >= start or minute < end

    def opens_at(self, moment: datetime) -> datetime:
        """Find the first moment from ``moment`` on that the span does not cover."""
        at = moment
        for _ in range(_SEARCH_STEPS):  # a change of the clock inside the span can move the end once
            if not self.closed_at(at):
                return at
            local = at.astimezone(ZoneInfo(self.zone))
            minute = local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute
            ahead = (self.closed.until_min - minute) % WEEK_MINUTES or WEEK_MINUTES
            end = local.replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=ahead)
            at = end.replace(tzinfo=ZoneInfo(self.zone)).astimezone(moment.tzinfo)
        return at


class Rate(Frozen):
    """At most ``max`` admissions in any ``per_ms``."""

    max: int = Field(ge=1, le=100_000)
    per_ms: Span = Field(alias="per")


class Entry(Frozen):
    """One runbook handed over: to whom, for which targets and resources, when and how often.

    ``target`` is a template over the inputs, ``targets`` the patterns it must meet, ``resources`` by target
    pattern what a write for such a target may touch. ``confirm_within_ms``: how long a confirmation may take.
    """

    runbook: RunbookRef
    mode: Literal["confirm", "delegated"]
    request: Annotated[tuple[Role, ...], Field(min_length=1)]
    decide: Annotated[tuple[Role, ...], Field(min_length=1)]
    target: str = Field(min_length=1, max_length=200)
    targets: Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=1000)]
    resources: dict[Pattern, Annotated[tuple[Pattern, ...], Field(max_length=1000)]]
    windows: Annotated[tuple[Window, ...], Field(max_length=20)] = ()
    concurrency: int = Field(default=1, ge=1, le=1000)
    rate: Rate | None = None
    confirm_within_ms: Span = Field(default=3_600_000, alias="confirm_within")

    def covers_target(self, target: str) -> bool:
        """Whether the target is delegated."""
        return any(matches(p, target) for p in self.targets)

    def covers_resource(self, target: str, resource: str) -> bool:
        """Whether a write for ``target`` may touch ``resource``: both patterns of one line must match."""
        return self.covers_target(target) and any(
            matches(pattern, resource)
            for covered, patterns in self.resources.items()
            if matches(covered, target)
            for pattern in patterns
        )


class Approval(Frozen):
    """Who approves, and whether the author may. ``solo``: one person does all, and the records say so."""

    approvers: Annotated[tuple[Role, ...], Field(min_length=1)] = ("owner",)
    not_author: bool = True
    solo: bool = False


class Delegation(Frozen):
    """One delegation file."""

    schema_: Literal["remit/delegation/v1"] = Field(alias="schema")
    principals: dict[PrincipalName, Principal]
    delegate: tuple[Entry, ...]
    approval: Approval = Approval()

    def entry(self, runbook: str) -> Entry | None:
        """Find the entry for ``id@version``; None where nothing is delegated."""
        return next((e for e in self.delegate if e.runbook == runbook), None)
