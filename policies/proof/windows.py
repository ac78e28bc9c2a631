"""Which steps of a run are disturbed: a longer runbook is proved step by step, in windows.

In a window everything of a campaign may happen while the run is at one of its steps, forward or on the way
back, or while anything of them is unresolved. Elsewhere all goes well: what is sent is applied and answered,
what may be either is as it should be. Two things are kept everywhere: what is still on its way lands whenever
it likes, and behind the window a later step may be refused again and again, so that the run turns back
through it.

Why that composes. A run goes on to its next step only from a *boundary*: nothing is unresolved, nobody is
asked, and the step before is confirmed or left. Of how it came there the rules ask no more than is in the
scene's name (``key``): which effects stand, what was left, whether a human has decided or granted something,
and where the holder runs. So what a disturbed step hands on is one of few scenes, each of which is followed
to the end here; and what a step does when it is disturbed itself is seen from the boundary that an
undisturbed run comes to. What is not seen is two disturbances in two steps of one run, where the second
would behave otherwise for the first; they share only the limits of the run, and where these may bind
(``limits.writes`` or the resource's below the worst case) a runbook is not cut into windows. The tests hold
both against each other on runbooks that are small enough to be explored whole.
"""

from policies.proof.case import Case
from policies.proof.scene import Scene
from policies.situation import Situation


def windows_of(case: Case) -> tuple[tuple[str, ...], ...]:
    """The windows of a case, each the ids of its steps: one a step, or one for all."""
    steps = tuple(step.id for step in case.plan.steps)
    if case.writes_bind or case.attempts_bind:
        return (steps,)
    return tuple((step,) for step in steps)


def disturbed(scene: Scene, case: Case) -> bool:
    """Whether everything of the campaign may happen here."""
    window = case.window
    if not window:
        return True
    if scene.sending is not None:
        return scene.sending.place[0] in window
    s = Situation(task=scene.task, plan=case.plan, moment=scene.moment)
    return any(o.step in window for o in s.all_unresolved) or _at(s) in window


def _at(s: Situation) -> str:
    """The step that the run is at; before all of them the first, behind all of them the last."""
    steps = s.plan.steps
    slot = s.open_slot()
    if not s.task.surveyed:
        return steps[0].id
    if slot is not None:
        return slot.step.id
    return steps[0].id if s.rolling_back else steps[-1].id


def turns_back(step: str, case: Case) -> bool:
    """Whether ``step``, behind the window, may fail so that the run comes back to it."""
    places = [s.id for s in case.plan.steps]
    return case.turns_by_itself and any(
        s.undo is not None and s.id in case.window and places.index(s.id) < places.index(step)
        for s in case.plan.steps
    )


def is_behind(s: Situation, case: Case) -> bool:
    """Whether the run has left the window for good."""
    window = case.window
    if not window or any(o.step in window for o in s.all_unresolved):
        return False
    places = [step.id for step in s.plan.steps]
    at, within = places.index(_at(s)), [places.index(step) for step in window]
    if s.rolling_back:
        return at < min(within)
    return at > max(within) and not any(turns_back(step.id, case) for step in s.plan.steps)
