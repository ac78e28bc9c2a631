"""Breadth first through every scene of a case: the shortest story of each ending, row and broken law."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from evals.explorer.key import key_of
from evals.explorer.laws import broken_by_move, broken_by_state, broken_by_step
from evals.explorer.perform import move_of, successors
from evals.explorer.plans import Case
from evals.explorer.scene import Scene, start
from policies import move as moves

Story = tuple[str, ...]
_MAX_BROKEN = 20


@dataclass(kw_only=True)
class Explored:
    """What a search found. ``endings`` and ``broken``: the first, which is a shortest, story of each."""

    case: Case
    scenes: int = 0
    complete: bool = True
    endings: dict[str, Story] = field(default_factory=dict)
    broken: dict[str, Story] = field(default_factory=dict)
    rows: set[tuple[int, str]] = field(default_factory=set)


@dataclass(slots=True)
class _Node:
    parent: "_Node | None"
    label: str

    def story(self) -> Story:
        labels, node = [], self
        while node.parent is not None:
            labels.append(node.label)
            node = node.parent
        return tuple(reversed(labels))


def explore(case: Case, *, most: int = 1_000_000, to_first: bool = False) -> Explored:
    """Every scene of ``case`` that can be reached, up to ``most``; or (``to_first``) up to a broken law."""
    found = Explored(case=case)
    first = start(case)
    names: dict[Hashable, int] = {key_of(first, case): 0}
    edges: list[list[int]] = [[]]
    nodes = [_Node(None, "")]
    queue: deque[tuple[int, Scene]] = deque([(0, first)])
    while queue and not (to_first and found.broken):
        index, scene = queue.popleft()
        node = nodes[index]
        found.scenes += 1
        _note(found, broken_by_state(scene, case), node)
        move = None
        if scene.sending is None and not scene.task.unsound:
            move = move_of(scene, case)
            found.rows.add((move.row, type(move).__name__))
            _note(found, broken_by_move(scene, case, move), node)
        if scene.task.unsound:
            continue
        progress = False
        for label, after in successors(scene, case, move):
            progress = True
            name = key_of(after, case)
            known = names.get(name)
            if known is None:
                if len(names) >= most:
                    found.complete = False
                    continue
                known = names[name] = len(nodes)
                nodes.append(_Node(node, label))
                edges.append([])
                queue.append((known, after))
            edges[index].append(known)
            _note(found, broken_by_step(scene, after), nodes[known])
        if not progress:
            _end(found, scene, move, node)
    _circles(found, edges, nodes)
    return found


def _note(found: Explored, laws: object, node: _Node) -> None:
    for law in laws:  # type: ignore[attr-defined]
        if len(found.broken) < _MAX_BROKEN:
            found.broken.setdefault(law, node.story())


def _end(found: Explored, scene: Scene, move: moves.Move | None, node: _Node) -> None:
    if scene.task.closed is not None:
        found.endings.setdefault(f"{scene.task.closed} ({scene.task.reason})", node.story())
    elif isinstance(move, moves.Wait) and move.reason == "human" and scene.task.open_escalation is not None:
        found.endings.setdefault(f"waits for a human ({scene.task.open_escalation.reason})", node.story())
    else:
        found.broken.setdefault(f"nothing follows {move}", node.story())


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
                    found.broken.setdefault(
                        "a path need never end", (*nodes[index].story(), "and so on for ever")
                    )
                elif not state[following]:
                    state[following] = 1
                    stack.append((following, iter(edges[following])))
                    break
            else:
                state[index] = 2
                stack.pop()
