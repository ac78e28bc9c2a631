"""What it means that a command is not carried out (the doors raise these codes), or an approval not taken."""

from typing import Final

from policies.reasons.row import rows, table

_USAGE: Final = "Does nothing. Exit code 2."
_NOBODY: Final = "Does nothing: nobody known is asking. Exit code 4."
_REFUSED: Final = "Does nothing: you may not, or it is not the time. Exit code 5."
_CONFLICT: Final = "Does nothing: somebody else was there, or is. Exit code 6."
_UNAPPROVED: Final = "Approves nothing of it; what was in force stays in force. Exit code 5."
_UNUSABLE: Final = "Does nothing: the desk is not usable as it is set up."

COMMANDS: Final = table(
    rows(
        _USAGE,
        {
            "usage": ("Options or arguments that do not go together.", "The message says which."),
            "needs_yes": ("It needs a yes, and nobody can be asked or nobody said so.", "`--yes`."),
            "needs_basis": (
                "A decision rests on what you saw, and you have not said what.",
                "`--basis`, from the packet.",
            ),
            "duplicate_input": ("An input is given twice.", "Give it once."),
            "unknown_run": ("No run of that id is in this ledger.", "`remit runs list --all`."),
            "ambiguous_run": ("What was given fits several runs.", "Give more of the id."),
            "unknown_resource": (
                "No delegation in force lets a write touch that resource: a stop of it would stop nothing.",
                "`remit runbook authority ID` names what may be touched; `remit stop` stops all.",
            ),
            "not_stopped": ("What is to be started was not stopped.", "The message says what is."),
            "no_file": ("A file is not there, or cannot be read or written.", "Name another."),
            "no_folder": (
                "The new desk's folder cannot be made there: a file stands in its place, or it is not yours.",
                "Name an empty folder of yours.",
            ),
            "file_exists": ("A file is there already; none is overwritten.", "Name a new one."),
            "no_evidence": ("The file of evidence is empty.", "Write down what you saw."),
            "desk_exists": ("The folder is a desk already.", "Use it, or name another."),
            "no_desk": ("There is no desk here or above.", "`remit init DIR`, or `--desk`."),
            "not_delegated": (
                "No entry of `delegation.yaml` names the runbook, so that nobody could run it.",
                "Add an entry, and have both approved.",
            ),
            "lint": ("A file is not safe to run as it is.", "Mend what is listed."),
            "bad_file": ("A file is not what it says it is.", "Mend what is listed."),
        },
    ),
    rows(
        _NOBODY,
        {
            "no_principals": ("Nobody is in force on this desk.", "`remit runbook approve --all`."),
            "unknown_principal": ("No principal has that name.", "One of those that the message lists."),
            "unknown_user": (
                "No principal is mapped to your operating-system user.",
                "Have `os` of yours in `delegation.yaml` approved.",
            ),
            "ambiguous_user": ("You are mapped to several principals.", "Say which: `--as NAME`."),
        },
    ),
    rows(
        _REFUSED,
        {
            "not_your_name": (
                "`--as` names somebody whom your operating-system user is not mapped to.",
                "Ask as yourself.",
            ),
            "humans_only": ("A source asks for what only humans do.", "Ask as a human."),
            "no_part_here": (
                "You have no role that asks, decides or approves here.",
                "Ask somebody who has.",
            ),
            "nothing_to_attest": ("No process may still send for this run.", "`remit esc show`."),
            "nothing_to_confirm": ("The run asks for no yes now.", "`remit runs show`."),
            "not_stuck": (
                "`--raw` is for a run whose entries or policy cannot be read, and that has not ended.",
                "`remit esc abort` without it.",
            ),
        },
    ),
    rows(
        _CONFLICT,
        {
            "approval_conflict": (
                "Another approval came first.",
                "`remit runbook list`, look again, and approve again.",
            ),
            "still_held": (
                "A worker within its lease holds the stuck run; a newer remit may be able to read it.",
                "Stop that worker first, or upgrade.",
            ),
        },
    ),
    rows(
        _UNAPPROVED,
        {
            "not_an_approver": ("You have no role that approves.", "Ask somebody who has."),
            "own_change": (
                "You proposed it, under this name or another of your operating-system user.",
                "Ask another approver.",
            ),
            "not_approvable": ("It cannot be approved as it is.", "Mend what the message says."),
            "counterexample": (
                "Something may happen in which the runbook does what it must not, or never ends.",
                "`remit runbook prove ID` tells it step by step; mend the runbook.",
            ),
            "not_exhausted": (
                "Not every path was explored: the bound was met first.",
                "A greater `--seconds`, or `--accept-not-exhausted WHY`, which the approval keeps.",
            ),
            "secret_in_file": (
                "A file holds the value of a secret of this desk, as it is or in another form.",
                "Take it out, and change the secret: name it where it is used (`credentials`).",
            ),
            "version_reused": (
                "This id and version means another runbook already.",
                "Raise the version.",
            ),
        },
    ),
    rows(
        _UNUSABLE,
        {
            "bad_settings": ("`remit.toml` or a variable is not usable.", "The line in the message."),
            "bad_setup": ("A tool, credential or model is not usable.", "`remit doctor`."),
            "bad_payload_key": (
                "The key of payloads and seals is damaged.",
                "Bring it back from a backup; never make a new one.",
            ),
            "payload_key_missing": (
                "The ledger was made with a payload key, and its file is gone. Nothing is made in its place.",
                "Put it back from your backup. Desks on one ledger share the key: copy it.",
            ),
            "payload_key_other": (
                "The payload key is not the one that the ledger was made with.",
                "Put the ledger's own key back.",
            ),
            "not_in_force": ("What was to be in force is not.", "`remit doctor`."),
            "given_up": (
                "The worker failed five times in a row at a run, and leaves it as it is.",
                "The message says why; `remit doctor`.",
            ),
            "output_lost": (
                "What the command printed could not be written: no space is left where it goes.",
                "Make room, then `remit runs list --all`: what was done stands.",
            ),
            "ledger": (
                "The ledger cannot be opened, read or written; a full disk, or one that fails, says so.",
                "Make room or mend the disk, then `remit worker --drain`; else `remit ledger verify`.",
            ),
        },
    ),
)
