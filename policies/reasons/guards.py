"""What the codes of the guards mean (``policies.guards.table`` says which guard answers which)."""

from typing import Final

from policies.reasons.row import rows, table

_DENIES: Final = (
    "Sends nothing, keeps an entry `denied`, and escalates as `denied`. "
    "A read is not made: what needs it is unknown."
)
_WAITS: Final = "Sends nothing, keeps no entry, and waits; observing, settling and escalating go on."
_BUG: Final = "Nothing is wrong on your side: report it with `remit runs export`. `abort` ends the run."
_APPROVE: Final = (
    "Compare with `remit runbook diff`; start a new run under what is approved now, and `abort` this one."
)

GUARDS: Final = table(
    rows(
        _DENIES,
        {
            "guard_error": ("A guard itself failed, and that counts as a no.", _BUG),
            "call_malformed": (
                "The call holds what no entry can hold (a fraction, a huge integer, depth).",
                _BUG,
            ),
            "call_too_large": (
                "The call is larger than 32 KiB or has more than 40 arguments.",
                "Ask for less text.",
            ),
            "tool_unknown": (
                "No tool of exactly this name was approved with the runbook.",
                "Run `remit doctor`.",
            ),
            "contract_changed": ("The tool is not what it was when the run was admitted.", _APPROVE),
            "argument_unknown": (
                "An argument that the tool's contract does not name.",
                "Mend the runbook's `with`.",
            ),
            "argument_missing": (
                "An argument of the tool's contract is missing.",
                "Mend the runbook's `with`.",
            ),
            "argument_type": (
                "An argument has another type than declared; nothing is converted.",
                "Mend the input.",
            ),
            "argument_length": ("A text is longer than the contract allows.", "Ask with a shorter text."),
            "argument_range": ("A number lies outside what the contract allows.", "Ask for a number inside."),
            "argument_pattern": ("A text is not of the form that the contract asks for.", "Mend the input."),
            "argument_enum": ("A text is none of those that the contract lists.", "Ask for a listed one."),
            "text_not_canonical": (
                "A text holds characters that do not show, show as others, or break a line.",
                "Type it anew instead of pasting it.",
            ),
            "run_unsound": (
                "The run's entries do not add up.",
                "`remit ledger verify`, then `esc abort --raw`.",
            ),
            "run_ended": ("The run has ended.", "Start a new run."),
            "run_not_admitted": ("The run was never admitted.", "Start a new run."),
            "escalation_open": ("A human has been asked and has not decided.", "Decide: `remit esc show`."),
            "nothing_to_write": ("The run only looks whether it is complete; no write is due.", _BUG),
            "cancel_wanted": ("The run is to be cancelled; it starts nothing new.", "Wait for its end."),
            "unresolved": (
                "It is not known what became of an earlier write of the run.",
                "Settle that one first.",
            ),
            "refused_before": (
                "The target has refused this write for good.",
                "Find out why, then `retry_once`.",
            ),
            "resend_unsafe": (
                "The write may have been applied, and the target would not recognise a second copy.",
                "Look at the target; decide with `--effect` and evidence.",
            ),
            "resource_not_held": ("The run does not hold what the write touches.", _BUG),
            "epoch_old": ("Another worker has taken the run over.", "Nothing: the other one goes on."),
            "pins_differ": ("The policy at hand is not the one that the run was admitted under.", _APPROVE),
            "wrong_effect": ("A read where a write is asked for, or the other way round.", _BUG),
            "role_may_not": (
                "The role may not do this: only the executor writes, only it and the verifier read.",
                _BUG,
            ),
            "tool_not_in_authority": (
                "The tool is not in the runbook's authority.",
                "Add it there, and approve.",
            ),
            "delegation_withdrawn": (
                "The runbook is not in force any more.",
                "Approve it again, or `abort`.",
            ),
            "requester_unknown": (
                "Who asked is no principal of this desk any more.",
                "`abort`; ask as one who is.",
            ),
            "requester_not_allowed": ("Who asked has no role any more that may ask for this.", "As above."),
            "target_differs": ("The target does not follow from the inputs.", _BUG),
            "target_not_delegated": (
                "The target is not delegated (any more).",
                "Have it delegated, or do it by hand.",
            ),
            "resource_differs": ("What the arguments name is not what the call says it touches.", _BUG),
            "resource_not_delegated": (
                "The target may not touch this resource, then or now.",
                "Compare the binding with `resources` of the delegation.",
            ),
            "address_not_listed": (
                "An address whose host the owner has not listed.",
                "List `host:port`, and approve.",
            ),
            "not_due": ("Another write is due, or none.", _BUG),
            "key_differs": ("The key is not that of the operation.", _BUG),
            "timeout_differs": ("The call would wait longer than its step allows.", _BUG),
            "argument_differs": (
                "An argument is not what the runbook gives for this run, or not what was sent first.",
                "Look who changed the call; treat it as an attack until you know.",
            ),
            "argument_untraceable": (
                "An argument comes from what no write may be made of, such as a tool's newest reply.",
                "Take it from an input, a binding or a bounded `derive`.",
            ),
            "out_of_bound": (
                "A derived value lies outside its approved bound.",
                "Do it by hand, or widen the bound.",
            ),
            "deadline_over": (
                "The time for forward work is over.",
                "Decide: `resume` gives the time afresh.",
            ),
            "writes_spent": (
                "All forward writes of the run are used.",
                "Decide; `retry_once` adds one send.",
            ),
            "step_budget_spent": ("All sends of this step are used.", "Decide; `retry_once` adds one send."),
            "resource_attempts_spent": (
                "The resource has had all its attempts in this span, over all runs.",
                "Find out why it needs so many; it opens again with time.",
            ),
            "window_narrowed": (
                "A window that came with a newer delegation is closed; this run was admitted without it.",
                "`resume` when it is open.",
            ),
            "mode_narrowed": (
                "The delegation in force now asks for a human per write; this run was admitted without.",
                "`abort`, and ask anew.",
            ),
            "confirmer_not_allowed": (
                "Who confirmed has no role that may decide.",
                "Have a decider confirm.",
            ),
            "own_request": (
                "Whoever asked for the run has confirmed its write, on a desk that is not `solo`.",
                "Have another decider confirm.",
            ),
        },
    ),
    rows(
        _WAITS,
        {
            "stopped": (
                "The stop switch covers the desk, the runbook or the resource.",
                "`remit start` lifts it.",
            ),
            "paused": ("Somebody has paused the run.", "`remit runs unpause`."),
            "connector_paused": (
                "The target answered 401 or 403, or the credential is missing; it rests for a minute.",
                "Mend the credential: `remit doctor`.",
            ),
            "window_closed": (
                "The target's window is closed, and nothing has been written yet.",
                "Wait, or `cancel`.",
            ),
            "confirmation_missing": ("A human has to confirm this write.", "Confirm or refuse it."),
            "confirmation_differs": (
                "What was confirmed is another write than the one now due.",
                "Confirm it anew.",
            ),
        },
    ),
)
