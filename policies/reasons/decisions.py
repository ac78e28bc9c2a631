"""What it means that a human's decision is not taken, or not offered (``policies.decisions``)."""

from typing import Final

from policies.reasons.row import rows, table

_REFUSES: Final = "Takes no decision; the run stays as it is, and the refusal is kept with who tried."
_NOT_OFFERED: Final = "Does not offer that choice now; the others stay open."

DECISIONS: Final = table(
    rows(
        _REFUSES,
        {
            "no_such_escalation": ("It is not open, or belongs to another run.", "`remit esc list`."),
            "already_decided": ("Somebody was first; the message says who.", "Nothing."),
            "not_a_decider": (
                "You have no role that decides here.",
                "Ask somebody who has. Where nobody has, whoever approves here can abort the run.",
            ),
            "unknown_choice": ("It is none of the five choices.", "`remit esc show`."),
            "basis_moved": ("The run is not as you saw it.", "Look at the fresh packet, decide anew."),
            "word_needed": (
                "An effect is open, and you have not said what became of it.",
                "Look at the target; `--effect OP=applied`, `not_applied` or `unknown`.",
            ),
            "word_not_asked": ("A word on an operation about which nothing is open.", "Leave it out."),
            "unknown_word": (
                "An effect is `applied`, `not_applied` or `unknown`.",
                "Say one of them.",
            ),
            "word_not_enough": (
                "That word does not allow that choice.",
                "`unknown` allows `done` and `abort`; only `not_applied` is sent again.",
            ),
            "too_early": (
                "A write may still land, so that nobody can know yet.",
                "Wait the seconds in the message, look again, and decide.",
            ),
            "evidence_needed": ("The choice rests on what you saw.", "Give it: `--evidence FILE`."),
        },
    ),
    rows(
        _NOT_OFFERED,
        {
            "attest_first": (
                "A sender is not proven dead.",
                "See that it is; `remit esc attest-dead`, and decide one quarantine later.",
            ),
            "no_grant": ("The runbook grants no further retry.", "Choose another."),
            "not_repeatable": ("It succeeded, and doing it twice is not safe.", "Choose another."),
            "nothing_to_send": ("No step is open, and none is due.", "Choose another."),
            "rolling_back": ("The run rolls back already.", "`resume` goes on with it."),
            "nothing_to_undo": ("Nothing was changed.", "`abort` ends it."),
            "no_undo": ("A step has no inverse; the message says why.", "Choose another."),
            "effect_unknown": (
                "Nobody knows whether a step took effect, so that undoing it could do harm.",
                "Look at the target, and mend it by hand.",
            ),
        },
    ),
)
