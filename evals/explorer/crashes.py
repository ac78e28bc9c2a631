"""A worker dies between two entries, and another takes over: what may still land, and what is proven."""

from collections.abc import Iterator
from dataclasses import replace

from evals.explorer.plans import LONGEST_MS
from evals.explorer.scene import Next, Scene, claim
from evals.explorer.world import World, fenced, on_its_way
from policies.plan import SEND_WINDOW_MS


def crashes(scene: Scene) -> Iterator[Next]:
    """Every way in which the present holder may be lost here."""
    if not scene.left.crashes:
        return
    left = replace(scene.left, crashes=scene.left.crashes - 1)
    for host in scene.left.hosts:
        proven = tuple(i + 1 for i, h in enumerate(scene.hosts) if h == host)
        where = "the same host" if host == scene.hosts[-1] else "another host"
        for label, behind in _left_behind(scene, killed=scene.task.epoch in proven):
            world = fenced(behind, frozenset(proven), scene.now + LONGEST_MS)
            after = claim(replace(scene, left=left, world=world), host, proven=proven)
            yield f"crash {label}; a worker on {where} takes over", after


def _left_behind(scene: Scene, *, killed: bool) -> Iterator[tuple[str, World]]:
    """What the former holder's send may still do."""
    request = scene.sending
    if request is None:
        yield "", scene.world
        return
    yield "before the send", scene.world
    until = scene.now + LONGEST_MS + (0 if killed else SEND_WINDOW_MS)
    yield "behind the send", on_its_way(scene.world, replace(request, until=until))
    if not killed:
        yield "PAUSED before the send", on_its_way(scene.world, replace(request, until=None, paused=True))
