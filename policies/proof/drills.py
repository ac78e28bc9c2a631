"""Whether a run settles by itself what its runbook says it settles: one thing goes wrong, all else goes well.

No law of safety is at stake here: the core stops for a human where it cannot know. But a runbook that
declares retries, a key or a probe promises that an answer may be lost; a promise that cannot be kept is a
flaw, and the run that shows it is short.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from policies import move as moves
from policies.contract import DedupeKind
from policies.plan import StepPlan
from policies.proof.case import Case, Limits
from policies.proof.perform import move_of, successors
from policies.proof.scene import Next, Scene, starts
from policies.proof.search import Broken
from policies.proof.sight import Place
from policies.runbook import Runbook
from state.outcome import Outcome

DRILL_LAWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lost_answer_needs_human": "a lost answer is settled without a human wherever the runbook says how",
        "retries_not_usable": "every retry that a step declares can be made within the run's limits",
        "failed_check_not_retried": "a step that declares a retry after a failed check makes it",
    }
)
MAX_STEPS: Final = 2_000
_QUIET: Final = Limits(crashes=0, decisions=0, blind=0, lies=0, refusals=0)
_UNKNOWN: Final = frozenset({"ambiguous", "unproven_sender"})
_SPENT: Final = frozenset({"writes_exhausted", "attempts_exhausted", "ambiguous", "unproven_sender"})
_MOST: Final = 10**6  # as often as the step's own budget
_NEVER: Final = "false"  # a probe that says so gives no such answer, and says so itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What goes wrong: the first ``times`` sends of every one of ``places`` end in ``outcome``.

    ``applied``: the request took effect; ``lies``: the first answer is one of success without an effect.
    """

    places: frozenset[Place] = frozenset()
    outcome: Outcome = Outcome.SUCCEEDED
    times: int = 0
    applied: bool = True
    lies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One run to its end: ``end`` is how it closed, or why it waits for a human."""

    end: str
    story: tuple[str, ...]


def drills(case: Case, runbook: Runbook) -> Iterator[Broken]:
    """Try every promise of a runbook; what it breaks, with the run that shows it."""
    fine = ((words, s) for words, s in starts(case) if _play(case, s, Trouble()).end == "completed")
    words, first = next(fine, ("", None))
    if first is None:
        return  # not even when all goes well: other laws say why
    head = (words,) if words else ()
    tried = [
        promise
        for place in case.places
        for promise in _promises(runbook, case.plan.steps_by_id[place[0]], place)
    ]
    every = Trouble(places=frozenset(case.places), outcome=Outcome.NOT_APPLIED, times=_MOST)
    tried.append(("retries_not_usable", "every step uses the retries that it declares", every, _SPENT))
    for law, what, trouble, ends in tried:
        played = _play(case, first, trouble)
        if played.end in ends:
            told = f"{what}: the run waits for a human ({played.end})"
            yield Broken(
                law=law,
                what=told,
                story=(*head, *_shortened(played.story)),
                path=_path(runbook, trouble),
            )


_Promise = tuple[str, str, Trouble, frozenset[str]]


def _promises(runbook: Runbook, step: StepPlan, place: Place) -> Iterator[_Promise]:
    write, law = step.write, "lost_answer_needs_human"
    one = frozenset({place})
    lost = Trouble(places=one, outcome=Outcome.UNKNOWN, times=1)
    if write.kind is DedupeKind.READ_BACK:
        probe = runbook.step(step.id).probe
        if probe is None or probe.applied_when.strip() != _NEVER:
            yield law, f"the answer to {step.id} is lost, and it was applied", lost, _UNKNOWN
        if write.budget and (probe is None or probe.absent_when.strip() != _NEVER):
            absent = replace(lost, applied=False)
            yield law, f"the answer to {step.id} is lost, and it was not applied", absent, _UNKNOWN
    elif write.absorbs and write.budget:
        again = replace(lost, times=_MOST)
        yield law, f"answers to {step.id} are lost, and it has retries left", again, _UNKNOWN
    if "unverified" in write.retry_after and write.budget and write.checks:
        sick = Trouble(places=one, applied=False, lies=True)
        what = f"the checks of {step.id} fail once, and it is to be sent anew then"
        yield "failed_check_not_retried", what, sick, frozenset({"verify_failed"})


def _path(runbook: Runbook, trouble: Trouble) -> tuple[str | int, ...]:
    """The step whose promise is not kept; the limits, where it is that of all steps together."""
    if trouble.outcome is Outcome.NOT_APPLIED:
        return ("limits",)
    steps = {place[0] for place in trouble.places}
    return ("steps", next(n for n, step in enumerate(runbook.steps) if step.id in steps))


def _play(case: Case, first: Scene, trouble: Trouble) -> Played:
    """Go one way from a beginning to an end, or as far as ``MAX_STEPS`` lead."""
    scene = replace(first, left=replace(_QUIET, hosts=first.left.hosts, lies=1 if trouble.lies else 0))
    story: list[str] = []
    for _ in range(MAX_STEPS):
        if scene.task.closed is not None:
            return Played(end=scene.task.closed, story=tuple(story))
        move = None if scene.sending is not None else move_of(scene, case)
        if isinstance(move, moves.Wait) and move.reason == "human" and scene.task.escalation is not None:
            return Played(end=scene.task.escalation.reason, story=tuple(story))
        following = list(successors(scene, case, move))
        if not following:
            break
        label, scene = _chosen(scene, case, following, trouble)
        story.append(label)
    return Played(end="", story=tuple(story))


def _chosen(scene: Scene, case: Case, following: list[Next], trouble: Trouble) -> Next:
    """The way that the trouble takes, and where it has no say the one on which all goes well."""
    wanted: Callable[[Scene], bool] = lambda _after: True  # noqa: E731
    if scene.sending is not None and scene.sending.place not in trouble.places:
        trouble = replace(trouble, applied=True)  # what is somebody else's trouble is applied
    if scene.sending is not None:
        outcome = _outcome(scene, case, trouble)
        wanted = lambda after: _last(after) is outcome  # noqa: E731
    fitting = [one for one in following if wanted(one[1])] or following
    return min(fitting, key=lambda one: _badness(one[1], trouble))


def _outcome(scene: Scene, case: Case, trouble: Trouble) -> Outcome:
    request = scene.sending
    assert request is not None  # noqa: S101 asked only while one is under way
    if request.place not in trouble.places or request.undoes is not None:
        return Outcome.SUCCEEDED
    sends = sum(
        len(o.attempts) for o in scene.task.operations if o.slot == request.place and o.undoes is None
    )
    times = min(trouble.times, max(1, case.plan.steps_by_id[request.place[0]].write.budget))
    return trouble.outcome if sends <= times else Outcome.SUCCEEDED


def _last(scene: Scene) -> Outcome | None:
    return scene.task.operations[-1].last.outcome if scene.task.operations else None


def _badness(scene: Scene, trouble: Trouble) -> tuple[int, ...]:
    """How far a way is from one on which all goes well; the fewest first."""
    task = scene.task
    false = sum(condition.verdict != "pass" for condition in task.conditions.values())
    failed = sum(state.verdict != "pass" for states in task.checks.values() for state in states.values())
    landed = sum(times for _, times in scene.world.landed)
    return len(task.conflicts), false, -landed if trouble.applied else landed, failed


def _shortened(story: tuple[str, ...]) -> list[str]:
    """The same story without the rounds that only say again what the one before said."""
    kept: list[str] = []
    for line in story:
        kept.append(line)
        if len(kept) >= 4 and kept[-2:] == kept[-4:-2]:  # noqa: PLR2004 two rounds of two lines
            del kept[-2:]
    return kept
