"""What is true at the target: what is there, what may still land, and how often each operation took effect.

Time is in milliseconds since the run began. A request lands whole, at any moment before its deadline, or
never; a request without a deadline belongs to a sender that is paused and may wake at any time. What reads
show of all that is the ``sight``'s to say.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from policies.contract import DedupeKind
from policies.proof.sight import Place, Sight

FOREVER_MS: Final = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A write on its way, frozen with the version ``condition``; ``until`` None: its sender is paused.

    ``peers``: places whose effect it replaces, or whose unique name it takes; ``seen``: what was read just
    before its operation's first intent; ``child``: a child process sends it, which may outlive its worker.
    """

    op: str
    place: Place
    undoes: str | None
    kind: DedupeKind
    sets_state: bool
    resource: str
    peers: frozenset[Place]
    condition: int
    epoch: int
    until: int | None
    paused: bool = False
    lag_ms: int = 0
    longest_ms: int = 0
    window_ms: int = FOREVER_MS
    seen: Hashable = None
    child: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """What a read may still show, as it was before ``op`` took effect, until ``until``."""

    op: str
    cells: tuple[tuple[Place, int], ...]
    landed: tuple[tuple[str, int], ...]
    shown: Hashable
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The target's own truth. A cell holds how often the effect of its place is there.

    ``versions``: of what is written under a condition; ``landed``: how often each operation took effect;
    ``stale``: what reads may show; ``keys``: what the target remembers, and until when; ``woken``: operations
    of which a paused sender woke and was heard; ``shown``: what reads show, as the sight keeps it.
    """

    sight: Sight = field(compare=False, repr=False)
    cells: tuple[tuple[Place, int], ...]
    versions: tuple[tuple[str, int], ...] = ()
    requests: tuple[Request, ...] = ()
    landed: tuple[tuple[str, int], ...] = ()
    stale: tuple[Stale, ...] = ()
    keys: tuple[tuple[str, int], ...] = ()
    woken: frozenset[str] = frozenset()
    shown: Hashable = None

    def value(self, place: Place) -> int:
        """How often the effect of ``place`` is there: 0 or 1 where the tool sets a state."""
        for known, value in self.cells:
            if known == place:
                return value
        raise KeyError(place)

    def version(self, resource: str) -> int:
        """The version of a resource; 1 where nobody asks for one."""
        for known, version in self.versions:
            if known == resource:
                return version
        return 1

    def times(self, op: str) -> int:
        """How often an operation took effect."""
        for known, times in self.landed:
            if known == op:
                return times
        return 0


def would_apply(world: World, request: Request) -> bool:
    """Whether the target makes anything of ``request`` now."""
    if request.kind is DedupeKind.NATIVE_KEY:
        return all(op != request.op for op, _ in world.keys)
    if request.kind is DedupeKind.NATURAL_KEY:
        return not any(world.value(place) for place in (request.place, *request.peers))
    if request.kind is DedupeKind.CONDITIONAL_WRITE:
        return world.version(request.resource) == request.condition
    return True


def land(world: World, request: Request, now: int) -> World:
    """The world once ``request`` has arrived, at the latest ``now``."""
    if not would_apply(world, request):
        return world
    arrived = now if request.until is None else min(now, request.until)
    until = arrived + request.lag_ms
    behind = Stale(op=request.op, cells=world.cells, landed=world.landed, shown=world.shown, until=until)
    undo = request.undoes is not None
    return replace(
        world,
        stale=(*world.stale, behind) if until > now else world.stale,
        keys=(*world.keys, (request.op, arrived + request.window_ms))
        if request.kind is DedupeKind.NATIVE_KEY
        else world.keys,
        woken=world.woken | {request.op} if request.paused else world.woken,
        cells=_written(world, request),
        versions=_moved(world, request.resource),
        landed=tuple(sorted({**dict(world.landed), request.op: world.times(request.op) + 1}.items())),
        shown=world.sight.landed(world.shown, request.place, undo=undo, seen=request.seen),
    )


def _written(world: World, request: Request) -> tuple[tuple[Place, int], ...]:
    goal = 0 if request.undoes else 1
    replaces = request.sets_state and goal
    states = request.sets_state or request.kind is DedupeKind.CONDITIONAL_WRITE

    def after(place: Place, value: int) -> int:
        if place == request.place:
            return goal if states else value + (1 if goal else -1)
        return 0 if replaces and place in request.peers else value

    return tuple((place, after(place, value)) for place, value in world.cells)


def _moved(world: World, resource: str) -> tuple[tuple[str, int], ...]:
    return tuple((r, v + (r == resource)) for r, v in world.versions)


def on_its_way(world: World, request: Request) -> World:
    """The world with one more request that may land."""
    return replace(world, requests=(*world.requests, request))


def futures(world: World, now: int) -> Iterator[World]:
    """Every world that may stand here now: any of the requests on their way have landed, in any order."""
    if not world.requests:
        yield world
        return
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
    """What a read may show of ``world``: itself, or the past of what was just written."""
    yield world
    for old in world.stale:
        yield replace(world, cells=old.cells, shown=old.shown, landed=old.landed)


def fenced(world: World, epochs: frozenset[int], now: int, *, children: bool = False) -> World:
    """The workers of ``epochs`` are dead from ``now`` on, and their ``children`` too where that is said.

    What they had sent just before may still land.
    """
    requests = tuple(
        replace(r, until=now + r.longest_ms)
        if r.until is None and r.epoch in epochs and (children or not r.child)
        else r
        for r in world.requests
    )
    return replace(world, requests=requests)


def touched_by_others(world: World, resource: str) -> World:
    """Somebody else wrote to ``resource``: only its version tells."""
    return replace(world, versions=_moved(world, resource))


def done_by_others(world: World, places: frozenset[Place]) -> World:
    """Somebody else brought ``places`` to where the run wants them."""
    cells = tuple((place, 1 if place in places else value) for place, value in world.cells)
    return replace(world, cells=cells)


def landed_since(before: World, after: World) -> tuple[str, ...]:
    """Operations that took effect between the two."""
    return tuple(op for op, times in after.landed if times > before.times(op))
