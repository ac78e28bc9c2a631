"""Any path through any case: a rule has a move everywhere, no law is broken, and the fold stays sound."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from evals.explorer.plans import Case, Limits, cases
from policies.proof.laws import broken_by_move, broken_by_state, broken_by_step
from policies.proof.perform import move_of, successors
from policies.proof.scene import start
from state.projection import row_of

ALL = list(cases())
EVERYTHING = Limits(
    crashes=3, decisions=3, cancels=2, holds_back=2, denials=1, others=2, blind=4, lies=2, sick=2, pauses=4,
    refusals=3, poison=True,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(case=st.sampled_from(ALL), choices=st.lists(st.integers(0, 1_000), min_size=30, max_size=120))
def test_a_walk_breaks_no_law(case: Case, choices: list[int]) -> None:
    scene = start(replace(case, limits=EVERYTHING))
    for choice in choices:
        assert list(broken_by_state(scene, case)) == []
        move = None
        if scene.sending is None:
            move = move_of(scene, case)
            assert list(broken_by_move(scene, case, move)) == []
        row_of(scene.task)
        ways = list(successors(scene, case, move))
        if not ways:
            return
        _, after = ways[choice % len(ways)]
        assert list(broken_by_step(scene, after)) == []
        scene = after
