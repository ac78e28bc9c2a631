"""What the codes of an admission mean (``policies.admission`` answers them, or the ledger does)."""

from typing import Final

from policies.reasons.row import Reason, rows, table

_REJECTS: Final = "Rejects the request; no run acts, nothing is sent. Exit code 5."

ADMISSION: Final = table(
    rows(
        _REJECTS,
        {
            "unknown_runbook": ("No runbook of that name is in force.", "`remit runbook list`."),
            "unknown_requester": (
                "Who asks is no principal of this desk.",
                "Have an owner add you, and approve.",
            ),
            "requester_not_allowed": ("Who asks has no role that may ask for this.", "Ask somebody who has."),
            "unknown_input": ("An input that the runbook does not have.", "Leave it out."),
            "missing_input": ("An input is missing.", "Give it with `-i name=value`."),
            "bad_input": ("An input is not as the runbook asks.", "The message says what it must be."),
            "not_canonical": (
                "The text holds characters that do not show or show as others.",
                "Type it anew.",
            ),
            "oversized": ("The request, or a file with it, is longer than is read.", "Say it shorter."),
            "refused_branch": (
                "The runbook names this as something that it never does.",
                "The message says who does.",
            ),
            "target_not_delegated": ("The target is not delegated.", "Do it by hand, or have it delegated."),
            "window_closed": ("The window is closed, or closes before the deadline.", "Ask when it is open."),
            "stopped": ("The stop switch covers it.", "`remit start` lifts it, if you may."),
            "escalation_open": ("A run on the same resource waits for a human.", "Decide that one first."),
            "rate_exceeded": (
                "As many runs as are allowed in this span were asked for.",
                "Wait; ask why so many.",
            ),
            "concurrency_exceeded": ("As many runs as are allowed are live.", "Wait for one to end."),
            "criteria_not_covered": (
                "You want something to be true that no check of the runbook shows.",
                "Name a check of the runbook, or look yourself afterwards.",
            ),
            "asked_back": (
                "The words do not say everything, or fit two runbooks.",
                "Ask with the names given.",
            ),
            "not_approved": (
                "The runbook stands in the files, but nobody has approved it as it is.",
                "Have it approved: `remit runbook approve`.",
            ),
            "tool_missing": (
                "A tool of the runbook cannot be made here: its module is gone or does not load.",
                "Put the file back, or have the change approved.",
            ),
            "tool_changed": (
                "A tool of the runbook is not what was approved.",
                "Put its file back, or have the change approved: `remit runbook diff` shows it.",
            ),
            "secret_missing": (
                "A secret that a tool of the runbook needs is not set, or cannot be read.",
                "Set it: the message names the variable and the file.",
            ),
            "not_confirmed": (
                "A model read the request, and nobody said that this is what they ask for.",
                "Ask with a phrase of the runbook, or with its id and `-i`.",
            ),
            "not_understood": (
                "No phrase fits, and nobody is there to confirm what a model reads.",
                "Ask with a phrase of the runbook, or with its id and `-i`.",
            ),
            "model_budget_spent": (
                "No phrase fits, and your requests of the last hour have used the calls of a model.",
                "Ask with a phrase of the runbook, or with its id and `-i`; or later.",
            ),
            "request_too_long": ("The request is longer than is read.", "Say it shorter."),
            "secret_in_request": (
                "The request holds a secret of this desk (its value, or that in another form).",
                "Ask without it; change the secret if others have seen it.",
            ),
            "hidden_character": ("The request holds a character that does not show.", "Type it anew."),
            "look_alike": ("The request holds a character that shows as another.", "Type it anew."),
            "not_composed": ("The request is not in the composed form (NFC).", "Type it anew."),
        },
    ),
    {
        "duplicate": Reason(
            does="Attaches the request to the run that is for the same need, and ends as that does.",
            see="A run for the same need exists.",
            do="Nothing.",
        ),
        "delivery_conflict": Reason(
            does="Rejects it, and keeps both.",
            see="The same delivery id came before with another body.",
            do="Look at the sender: it reuses ids, or somebody replays them.",
        ),
        "resource_held": Reason(
            does="Waits in line, or rejects where the runbook says `when_held: refuse`. Exit code 6.",
            see="Another run holds the resource.",
            do="Wait for that run, or decide it.",
        ),
    },
)
