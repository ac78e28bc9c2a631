"""What is true at the target: one cell a step, requests that may still land, how often each operation did.

Time is in milliseconds since the run began. A request lands whole, at any moment before its deadline, or
never; a request without a deadline belongs to a sender that is paused and may wake at any time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from policies.contract import DedupeKind

FOREVER_MS: Final = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A write on its way, frozen with the version ``condition``; ``until`` None: its sender is paused."""

    op: str
    step: str
    undoes: str | None
    kind: DedupeKind
    sets_state: bool
    condition: int
    epoch: int
    until: int | None
    paused: bool = False
    lag_ms: int = 0
    window_ms: int = FOREVER_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one step writes to. ``value``: effects there (0 or 1 where the tool sets a state)."""

    value: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """What a read may still show of a step, ``op`` not yet seen, before ``until``."""

    step: str
    cell: Cell
    op: str
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The target's own truth. ``landed``: how often each operation did; ``stale``: what reads may show."""

    cells: tuple[tuple[str, Cell], ...]
    requests: tuple[Request, ...] = ()
    landed: tuple[tuple[str, int], ...] = ()
    stale: tuple[Stale, ...] = ()
    keys: tuple[tuple[str, int], ...] = ()  # what the target remembers, and until when
    woken: frozenset[str] = frozenset()  # operations of which a paused sender woke and was heard

    def cell(self, step: str) -> Cell:
        """The cell that a step writes to."""
        return dict(self.cells)[step]

    def times(self, op: str) -> int:
        """How often an operation took effect."""
        return dict(self.landed).get(op, 0)


def would_apply(world: World, request: Request) -> bool:
    """Whether the target makes anything of ``request`` now."""
    cell = world.cell(request.step)
    if request.kind is DedupeKind.NATIVE_KEY:
        return request.op not in dict(world.keys)
    if request.kind is DedupeKind.NATURAL_KEY:
        return cell.value == 0
    if request.kind is DedupeKind.CONDITIONAL_WRITE:
        return cell.version == request.condition
    return True


def land(world: World, request: Request, now: int) -> World:
    """The world once ``request`` has arrived, at the latest ``now``."""
    if not would_apply(world, request):
        return world
    cell, goal = world.cell(request.step), 0 if request.undoes else 1
    if request.sets_state or request.kind is DedupeKind.CONDITIONAL_WRITE:
        value = goal
    else:
        value = cell.value + (1 if goal else -1)
    version = cell.version + (request.kind is DedupeKind.CONDITIONAL_WRITE)
    after = replace(cell, value=value, version=version)
    arrived = now if request.until is None else min(now, request.until)
    behind = Stale(step=request.step, cell=cell, op=request.op, until=arrived + request.lag_ms)
    return replace(
        world,
        stale=(*world.stale, behind) if behind.until > now else world.stale,
        keys=(*world.keys, (request.op, arrived + request.window_ms)),
        woken=world.woken | {request.op} if request.paused else world.woken,
        cells=tuple((s, after if s == request.step else c) for s, c in world.cells),
        landed=tuple(sorted({**dict(world.landed), request.op: world.times(request.op) + 1}.items())),
    )


def on_its_way(world: World, request: Request) -> World:
    """The world with one more request that may land."""
    return replace(world, requests=(*world.requests, request))


def futures(world: World, now: int) -> Iterator[World]:
    """Every world that may stand here now: any of the requests on their way have landed, in any order."""
    seen, pending = {world}, [world]
    while pending:
        current = pending.pop()
        yield current
        for index, request in enumerate(current.requests):
            rest = (*current.requests[:index], *current.requests[index + 1 :])
            then = replace(land(current, request, now), requests=rest)
            if then not in seen:
                seen.add(then)
                pending.append(then)


def at_time(world: World, now: int) -> tuple[World, ...]:
    """The worlds that ``now`` may find: what could land only before has landed or is lost."""
    over = any(r.until is not None and r.until <= now for r in world.requests)
    found = (
        replace(
            w,
            requests=tuple(r for r in w.requests if r.until is None or r.until > now),
            stale=tuple(s for s in w.stale if s.until > now),
            keys=tuple((op, until) for op, until in w.keys if until > now),
        )
        for w in (futures(world, now) if over else (world,))
    )
    return tuple(dict.fromkeys(found))


def views(world: World) -> Iterator[World]:
    """What a read may show of ``world``: itself, or the past of a step that was just written."""
    yield world
    for old in world.stale:
        yield replace(
            world,
            cells=tuple((s, old.cell if s == old.step else c) for s, c in world.cells),
            landed=tuple((op, n) for op, n in world.landed if op != old.op),
        )


def fenced(world: World, epochs: frozenset[int], until: int) -> World:
    """The senders of ``epochs`` are dead: what they had sent just before lands until ``until``, or never."""
    requests = tuple(
        replace(r, until=until) if r.until is None and r.epoch in epochs else r for r in world.requests
    )
    return replace(world, requests=requests)


def touched_by_others(world: World, step: str) -> World:
    """Somebody else wrote to the cell of ``step``: only its version tells."""
    cell = replace(world.cell(step), version=world.cell(step).version + 1)
    return replace(world, cells=tuple((s, cell if s == step else c) for s, c in world.cells))


def done_by_others(world: World) -> World:
    """Somebody else brought every cell to where the run wants it."""
    return replace(world, cells=tuple((s, replace(c, value=1)) for s, c in world.cells))


def effect_of(world: World, op: str, step: str, *, undo: bool, sets_state: bool) -> str:
    """What a probe of ``op`` sees: applied or absent."""
    if sets_state:
        return "applied" if world.cell(step).value == (0 if undo else 1) else "absent"
    return "applied" if world.times(op) else "absent"


def effect_by_name(world: World, step: str) -> str:
    """What a probe of a unique name sees."""
    return "applied" if world.cell(step).value else "absent"
