"""A worker dies between two entries, and another takes over: what may still land, and what is proven."""

from collections.abc import Iterator
from dataclasses import replace

from policies.plan import SEND_WINDOW_MS
from policies.proof.case import fewer
from policies.proof.scene import Next, Scene, claim
from policies.proof.world import World, fenced, on_its_way


def crashes(scene: Scene) -> Iterator[Next]:
    """Every way in which the present holder may be lost here."""
    if not scene.left.crashes or went_on(scene):
        return
    left = replace(scene.left, crashes=fewer(scene.left.crashes))
    for host in scene.left.hosts:
        proven = tuple(i + 1 for i, h in enumerate(scene.hosts) if h == host)
        killed = scene.task.epoch in proven
        where = (
            "on the same host, and sees it dead" if killed else "on another host, and cannot see the first"
        )
        ended = killed and not (scene.sending is not None and scene.sending.child)
        for label, behind in _left_behind(scene, killed=ended):
            world = fenced(behind, frozenset(proven), scene.now)
            after = claim(replace(scene, left=left, world=world), host, proven=proven)
            yield f"the worker {label}; another takes over {where}", after


def went_on(scene: Scene) -> bool:
    """Whether a worker that took over has done something: that ends losses which are meant in a row."""
    return scene.left.in_a_row and scene.task.epoch > 1 and scene.task.idle_claims == 0


def _left_behind(scene: Scene, *, killed: bool) -> Iterator[tuple[str, World]]:
    """What the former holder's send may still do."""
    request = scene.sending
    if request is None:
        yield "is lost", scene.world
        return
    yield "is lost just before it sends", scene.world
    until = scene.now + request.longest_ms + (0 if killed else SEND_WINDOW_MS)
    yield "is lost just after it has sent", on_its_way(scene.world, replace(request, until=until))
    if not killed:
        yield (
            "is PAUSED just before it sends" if not request.child else "leaves a child that has yet to send",
            on_its_way(scene.world, replace(request, until=None, paused=True)),
        )
