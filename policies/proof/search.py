"""Breadth first through every scene of a case: the shortest story of each ending, row and broken law."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from policies import move as moves
from policies.proof.case import Case
from policies.proof.key import Names, key_of
from policies.proof.laws import Breach, broken_by_move, broken_by_state, broken_by_step
from policies.proof.perform import move_of, successors
from policies.proof.scene import Scene, starts
from policies.proof.sight import Place

Story = tuple[str, ...]
Mark = tuple[int, str, str]  # a row, the kind of its move, and what the move is about
Slot = tuple[str, bool]  # a step, and whether it is undone there
_MAX_BROKEN = 20
_WATCHED_EVERY = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A law that does not hold, what broke it, and a shortest story of how it came about.

    ``path``: of what is at fault in the runbook's file, where one place is.
    """

    law: str
    what: str
    story: Story
    path: tuple[str | int, ...] = ()


@dataclass(kw_only=True)
class Explored:
    """What a search found. ``endings``, ``marks``, ``broken``: the first, a shortest, story of each.

    ``sends``, ``effects``: the most that one operation's place was sent, and took effect, by step.
    """

    case: Case
    scenes: int = 0
    waiting: int = 0
    complete: bool = True
    endings: dict[str, Story] = field(default_factory=dict)
    broken: dict[str, Broken] = field(default_factory=dict)
    marks: dict[Mark, Story] = field(default_factory=dict)
    sends: dict[Slot, int] = field(default_factory=dict)
    effects: dict[Slot, int] = field(default_factory=dict)

    @property
    def rows(self) -> set[tuple[int, str]]:
        """The rows that decided, with the kinds of their moves."""
        return {(row, kind) for row, kind, _ in self.marks}


@dataclass(slots=True)
class _Node:
    parent: "_Node | None"
    label: str

    def story(self) -> Story:
        labels, node = [], self
        while node.parent is not None:
            labels.append(node.label)
            node = node.parent
        return tuple(label for label in reversed(labels) if label)


def _go_on(found: Explored) -> bool:
    """Nobody watches."""
    del found
    return True


class _Search:
    """One search: what was found, and the scenes that are still to be looked at."""

    def __init__(self, case: Case, most: int) -> None:
        self.case, self.most = case, most
        self.found = Explored(case=case)
        self.names = Names()
        self.known: dict[tuple[int, ...], int] = {}
        self.edges: list[list[int]] = []
        self.nodes: list[_Node] = []
        self.queue: deque[tuple[int, Scene]] = deque()
        self.landed: set[tuple[tuple[str, int], ...]] = set()
        root = _Node(None, "")
        for words, scene in starts(case):
            self.take(scene, root, words)

    def take(self, scene: Scene, parent: _Node, label: str) -> int | None:
        """The number of ``scene``, kept if it is new; None where no more are kept."""
        name = key_of(scene, self.case, self.names)
        number = self.known.get(name)
        if number is None:
            if len(self.known) >= self.most:
                self.found.complete = False
                return None
            number = self.known[name] = len(self.nodes)
            self.nodes.append(_Node(parent, label))
            self.edges.append([])
            self.queue.append((number, scene))
        return number

    def step(self) -> None:
        """Look at the next scene, and at everything that may follow it."""
        index, scene = self.queue.popleft()
        found, case, node = self.found, self.case, self.nodes[index]
        found.scenes += 1
        self._count_effects(scene)
        _note(found, broken_by_state(scene, case), node)
        if scene.task.unsound:
            return
        move = None
        if scene.sending is None:
            move = move_of(scene, case)
            found.marks.setdefault(_mark(move), node.story)  # type: ignore[arg-type]
            _note(found, broken_by_move(scene, case, move), node)
            if (end := _end_of(scene, move)) and end not in found.endings:
                found.endings[end] = node.story()
        else:
            _count(found, scene)
        progress = False
        for label, after in successors(scene, case, move):
            progress = True
            number = self.take(after, node, label)
            if number is not None:
                self.edges[index].append(number)
            _note(found, broken_by_step(scene, after), node, label)
        if not progress:
            _stops(found, scene, move, node)

    def _count_effects(self, scene: Scene) -> None:
        """How often each place took effect so far; seldom anything new."""
        landed = scene.world.landed
        if landed in self.landed:
            return
        self.landed.add(landed)
        times: Counter[tuple[Place, str | None]] = Counter()
        known = {o.id: o for o in scene.task.operations}
        for op, count in landed:
            if (operation := known.get(op)) is not None:  # else a law is broken, and says so
                times[operation.slot, operation.undoes] += count
        for (place, undoes), count in times.items():
            slot = (place[0], undoes is not None)
            self.found.effects[slot] = max(self.found.effects.get(slot, 0), count)


def explore(
    case: Case,
    *,
    most: int = 1_000_000,
    to_first: bool = False,
    watch: Callable[[Explored], bool] = _go_on,
) -> Explored:
    """Every scene of ``case`` that can be reached, up to ``most``; or (``to_first``) up to a broken law.

    ``watch`` is shown what is found now and then, and stops the search by False: it is then not complete.
    """
    search = _Search(case, most)
    found = search.found
    while search.queue and not (to_first and found.broken):
        if found.scenes % _WATCHED_EVERY == 0:
            found.waiting = len(search.queue)
            if not watch(found):
                break
        search.step()
    found.waiting = len(search.queue)
    found.complete = found.complete and not (search.queue and not to_first)
    found.marks = {mark: story() for mark, story in found.marks.items()}  # type: ignore[operator]
    if found.complete:
        _circles(found, search.edges, search.nodes)
    return found


def _mark(move: moves.Move) -> Mark:
    kind = type(move).__name__
    match move:
        case moves.Due() as due:
            about = f"undo:{due.step}" if due.undoes else due.step
            return (move.row, kind, about if due.attempt == 1 else f"{about} again")
        case moves.Probe(op=about) | moves.Confirm(op=about):
            return (move.row, kind, _step(about))
        case moves.Observe(scope=scope):
            return (move.row, kind, scope if "/" not in scope else _step(scope))
        case moves.Escalate(reason=about) | moves.Wait(reason=about):
            return (move.row, kind, about)
        case moves.Turn(to=to, reason=reason):
            return (move.row, kind, f"{to} {reason}")
        case moves.Close(state=about):
            return (move.row, kind, about)
        case moves.Leave(step=about):
            return (move.row, kind, about)
    return (move.row, kind, "")


def _step(op: str) -> str:
    """The step of an operation's id, with ``undo:`` where it undoes it."""
    undo = "undo:" if op.startswith("undo:") else ""
    return undo + op.removeprefix("due:").removeprefix("undo:").partition("/")[0].partition("[")[0]


def _count(found: Explored, scene: Scene) -> None:
    """How often the place of the operation that is being sent was sent, and took effect."""
    sending = scene.sending
    assert sending is not None  # noqa: S101 asked only then
    slot = (sending.place[0], sending.undoes is not None)
    same = [o for o in scene.task.operations if (o.slot, o.undoes) == (sending.place, sending.undoes)]
    sends = sum(len(o.attempts) for o in same)
    found.sends[slot] = max(found.sends.get(slot, 0), sends)


def _note(found: Explored, breaches: Iterable[Breach], node: _Node, label: str = "") -> None:
    for law, what in breaches:
        if what not in found.broken and len(found.broken) < _MAX_BROKEN:
            story = (*node.story(), label) if label else node.story()
            found.broken[what] = Broken(law=law, what=what, story=story)


def _end_of(scene: Scene, move: moves.Move) -> str:
    """How the run has ended here, or for what it waits for a human, whether or not one comes; else empty."""
    task = scene.task
    if task.closed is not None:
        return f"{task.closed} ({task.reason})"
    if isinstance(move, moves.Wait) and move.reason == "human" and task.open_escalation is not None:
        return f"waits for a human ({task.open_escalation.reason})"
    return ""


def _stops(found: Explored, scene: Scene, move: moves.Move | None, node: _Node) -> None:
    """Nothing follows: that is an end, or a law is broken."""
    if move is None or not _end_of(scene, move):
        _note(found, [("ends", f"nothing follows {move}")], node)


def _circles(found: Explored, edges: list[list[int]], nodes: list[_Node]) -> None:
    """A path that comes back to where it was need never end."""
    state = bytearray(len(edges))
    for root in range(len(edges)):
        if state[root]:
            continue
        stack = [(root, iter(edges[root]))]
        state[root] = 1
        while stack:
            index, rest = stack[-1]
            for following in rest:
                if state[following] == 1:
                    _note(found, [("ends", "a path need never end")], nodes[index], "and so on for ever")
                elif not state[following]:
                    state[following] = 1
                    stack.append((following, iter(edges[following])))
                    break
            else:
                state[index] = 2
                stack.pop()
