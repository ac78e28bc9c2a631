"""Which places of a run are disturbed: a longer runbook is proved place by place, in windows.

A place is a step, or one item of a step's list. In a window everything of a campaign may happen while the run
is at it, forward or on the way back, or while anything of it is unresolved. Elsewhere all goes well: what is
sent is applied and answered, what may be either is as it should be. Two things are kept everywhere: what is
still on its way lands whenever it likes, and behind the window a later place may be refused again and again,
so that the run turns back through it.

Why that composes. A run goes on to its next place only from a *boundary*: nothing is unresolved, nobody is
asked, and the place before is confirmed or left. Items of one list are no different: they are worked off one
after another, each by an operation of its own. Of how it came there the rules ask no more than is in the
scene's name (``key``): which effects stand, what was left, whether a human has decided or granted something,
and where the holder runs. So what a disturbed place hands on is one of few scenes, each of which is followed
to the end here; and what a place does when it is disturbed itself is seen from the boundary that an
undisturbed run comes to. What is not seen is two disturbances in two places of one run, where the second
would behave otherwise for the first; they share only the limits of the run, and where these may bind
(``limits.writes`` or the resource's below the worst case) a runbook is not cut into windows. The tests hold
both against each other on runbooks that are small enough to be explored whole.
"""

from policies.proof.case import Case
from policies.proof.scene import Scene
from policies.proof.sight import Place
from policies.situation import Situation


def windows_of(case: Case) -> tuple[tuple[str, ...], ...]:
    """The windows of a case, each the names of its places: one a place, or one for all."""
    names = tuple(map(named, case.places))
    if case.writes_bind or case.attempts_bind:
        return (names,)
    return tuple((name,) for name in names)


def named(place: Place) -> str:
    """How a place is called: its step, with the number of the item where it has one."""
    step, item = place
    return step if item is None else f"{step}[{item}]"


def placed(window: tuple[str, ...], case: Case) -> frozenset[Place]:
    """The places of a window; none where it is of all places."""
    found = frozenset(place for place in case.places if named(place) in window)
    return frozenset() if len(found) == len(case.places) else found


def disturbed(scene: Scene, case: Case) -> bool:
    """Whether everything of the campaign may happen here."""
    window = case.window
    if not window:
        return True
    if scene.sending is not None:
        return scene.sending.place in window
    s = Situation(task=scene.task, plan=case.plan, moment=scene.moment)
    return any(o.slot in window for o in s.all_unresolved) or _at(s, case) in window


def _at(s: Situation, case: Case) -> Place:
    """The place that the run is at; before all of them the first, behind all of them the last."""
    slot = s.open_slot()
    if not s.task.surveyed:
        return case.places[0]
    if slot is not None:
        return (slot.step.id, slot.item)
    return case.places[0] if s.rolling_back else case.places[-1]


def turns_back(place: Place, case: Case) -> bool:
    """Whether ``place``, behind the window, may fail so that the run comes back to it."""
    return case.turns_by_itself and any(
        case.plan.steps_by_id[step].undo is not None and case.order[step, item] < case.order[place]
        for step, item in case.window
    )


def is_behind(s: Situation, case: Case) -> bool:
    """Whether the run has left the window for good."""
    window, order = case.window, case.order
    if not window or any(o.slot in window for o in s.all_unresolved):
        return False
    at, within = order[_at(s, case)], [order[place] for place in window]
    if s.rolling_back:
        return at < min(within)
    return at > max(within) and not any(turns_back(place, case) for place in case.places)
