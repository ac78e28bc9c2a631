"""What the ends of a run and the exit codes of a command mean."""

from typing import Final

from policies.reasons.row import Reason, rows, table

_PROVEN: Final = "Closes the run, gives its resources back, and writes the record."
_REJECTED: Final = "Closes the run as `rejected`; nothing was sent."

ENDS: Final = table(
    rows(
        _PROVEN,
        {
            "verified": (
                "`completed`: every completion check was seen to pass after the last write.",
                "Nothing.",
            ),
            "optional_left": (
                "`partially_completed`: all but optional steps; the packet lists them.",
                "Do the rest.",
            ),
            "rolled_back": (
                "`rolled_back`: every effect was undone, and seen to be.",
                "See the record's reason.",
            ),
            "cancelled": ("`cancelled`: before anything was changed.", "Nothing."),
            "aborted": (
                "`closed_by_human`: effects stay; what is unresolved is listed.",
                "Follow the record's list.",
            ),
            "aborted_raw": (
                "`closed_by_human`: nobody could read it any more; chain `desk` says who ended it and why.",
                "Look at the target: nobody knows what the run did last.",
            ),
            "marked_done": (
                "`closed_by_human`: somebody says it is done; what was seen is listed.",
                "Nothing.",
            ),
        },
    ),
    rows(
        _REJECTED,
        {
            "binding_refused": (
                "The inputs stand for nothing, or for something else.",
                "Correct the inputs.",
            ),
            "precondition_failed": (
                "A precondition that must hold did not.",
                "The record shows what was seen.",
            ),
            "resource_held": (
                "Another run holds the resource, and the runbook does not wait.",
                "Ask again later.",
            ),
            "escalation_open": ("A run on the resource waits for a human.", "Decide that one first."),
            "line_full": (
                "Twenty runs wait for the resource already.",
                "Find out why so many are asked for.",
            ),
        },
    ),
)

EXITS: Final = table(
    {
        "0": Reason(does="Ends.", see="Completed and verified (or detached, drained).", do="Nothing."),
        "1": Reason(does="Stops at once.", see="An internal error.", do="Report it; the run itself is safe."),
        "2": Reason(
            does="Does nothing.", see="Wrong usage, or a file that lint refuses.", do="See the message."
        ),
        "3": Reason(
            does="Leaves the run waiting.",
            see="Escalated to a human; of `doctor`: some run needs somebody.",
            do="`remit esc show`.",
        ),
        "4": Reason(
            does="Does nothing.", see="Nobody known is asking.", do="`--as`, or have yourself added."
        ),
        "5": Reason(does="Does nothing more.", see="Rejected, or refused by a guard.", do="See the code."),
        "6": Reason(
            does="Does nothing.", see="A conflict: the resource is held.", do="Wait, or decide that run."
        ),
        "7": Reason(
            does="Lets the run go on.",
            see="The wait timed out, or Ctrl-C. Of `runbook prove`: not every path was explored.",
            do="`remit runs watch`; a greater `--seconds`.",
        ),
        "8": Reason(
            does="Ends.",
            see="The run ended otherwise. Of `runbook test`: a case failed; of `prove`: a counterexample.",
            do="`remit runs show`; what is printed.",
        ),
    }
)
