"""What it means that a run stops for a human or waits, and what remit itself says of an attempt."""

from typing import Final

from policies.reasons.row import rows, table

_STOPS: Final = "Stops, sends nothing more, keeps its hold, tells the first level, and writes a packet."
_READS: Final = "Read the packet: `remit esc show`. "

ESCALATIONS: Final = table(
    rows(
        _STOPS,
        {
            "ambiguous": (
                "A write got no definite answer, and no look could tell whether it was applied.",
                "Look at the target, then decide with `--effect OP=… --evidence FILE`.",
            ),
            "unproven_sender": (
                "A process elsewhere, or a dead worker's child process, may still send.",
                "See that it is dead, `remit esc attest-dead`, and decide one quarantine later.",
            ),
            "conflict": (
                "Something is not as the run remembers it, or somebody else was there.",
                _READS + "`resume` accepts what the packet shows.",
            ),
            "verify_failed": ("A check did not pass in time.", _READS + "`resume` looks again."),
            "verify_unknown": (
                "A check could not be read, so nobody knows.",
                "Make it readable, then `resume`.",
            ),
            "refused": ("The target refused for good.", "Find out why; `retry_once` sends it once more."),
            "retries_exhausted": (
                "A step was not applied, and its sends are used.",
                _READS + "`retry_once` adds one.",
            ),
            "precondition_failed": ("What must be true before a write is not.", "Mend that, then `resume`."),
            "deadline_passed": ("The time for forward work is over.", _READS + "`resume` gives it afresh."),
            "writes_exhausted": ("The run's forward writes are used.", _READS + "`retry_once` adds one."),
            "resource_exhausted": (
                "The resource has had all its attempts, over all runs.",
                "Find out why so many.",
            ),
            "denied": (
                "A guard refused the write that was due; `code` says which.",
                "See that code in this table.",
            ),
            "confirmation_refused": ("A human refused the write.", "Decide how it goes on."),
            "confirmation_expired": ("Nobody confirmed in time.", "`resume` asks anew."),
            "rollback": ("Undoing did not succeed, or cannot.", _READS + "Mend by hand, then `mark_done`."),
            "cancel_blocked": (
                "It is to be cancelled, but not every effect can be undone.",
                "`abort`, or let it go on.",
            ),
            "unreadable": ("What the run stands on could not be read.", "Make it readable, then `resume`."),
            "stuck": (
                "The run was taken up six times without progress, or its entries do not add up.",
                "See the worker's log; `resume`, or `esc abort --raw`.",
            ),
            "tools_unavailable": (
                "A tool of the runbook cannot be made: its module does not load, or is not there any more.",
                "Mend it (`remit doctor`) and `resume`, or `abort`: ending needs no tool.",
            ),
            "model": ("A model found a reason to stop; it stands in the packet.", _READS),
        },
    )
)

_WAITS: Final = "Waits without a worker, and goes on by itself."
_ASKS: Final = "Waits without a worker until a human says how it goes on."

WAITS: Final = table(
    rows(
        _WAITS,
        {
            "backoff": ("A write was not applied and is sent again soon.", "Nothing."),
            "quarantine": ("A write may still land; a look would prove nothing yet.", "Nothing."),
            "read_lag": ("What was written may not show yet.", "Nothing."),
            "check": ("A check is asked again soon.", "Nothing."),
            "model": ("A model chose to wait for a moment.", "Nothing."),
            "window": ("The window is closed before the first write.", "Nothing, or `cancel`."),
            "hold": ("Another run holds the resource.", "Nothing, or decide that run."),
            "connector": (
                "The connector rests after a 401, a 403 or a missing credential.",
                "Mend the credential.",
            ),
        },
    ),
    rows(
        _ASKS,
        {
            "stop": ("The stop switch covers it.", "`remit start` when it is over."),
            "pause": ("Somebody paused it.", "`remit runs unpause`."),
            "confirmation": (
                "A human has to confirm a write; unanswered in time, it escalates.",
                "`remit esc confirm RUN --yes` or `--no`.",
            ),
            "human": ("A human has to decide.", "`remit esc show`."),
        },
    ),
)

_ATTEMPT: Final = "Records the outcome, and goes on by the decision table."

OUTCOMES: Final = table(
    rows(
        _ATTEMPT,
        {
            "lost_claim": (
                "Not sent: another worker has the run, or the lease could not be asked.",
                "Nothing.",
            ),
            "too_late": (
                "Not sent: the process was held up past the time that its intent names.",
                "Nothing.",
            ),
            "no_credential": ("Not sent: the secret is missing or open to others.", "`remit doctor`."),
            "tool_error": ("Unknown: the tool's own code failed, which proves nothing.", "Mend the tool."),
            "no_return": (
                "Unknown: the tool's own code did not come back in its time, and may still send.",
                "End the worker, then decide; give the tool a time limit of its own.",
            ),
            "no_reply": ("Unknown: the tool's own code returned no reply.", "Mend the tool."),
            "unreadable": ("Unknown: the answer is not what the contract declares.", "Compare both."),
            "too_large": (
                "Unknown: the result is larger than 64 KiB, or a recorded text of a write than 16 KiB.",
                "Declare or record fewer fields.",
            ),
        },
    )
)
