"""What the tools' own words for an answer mean; statuses and fault numbers stand for themselves."""

from typing import Final

from policies.reasons.row import rows, table

_ATTEMPT: Final = "Records the outcome, and goes on by the decision table."

ANSWERS: Final = table(
    rows(
        _ATTEMPT,
        {
            "ok": ("Succeeded.", "Nothing."),
            "found": ("Succeeded: the catalog has it.", "Nothing."),
            "not_found": ("Refused: the catalog has no such service.", "Correct the input or the catalog."),
            "malformed": ("Not sent: what was to be sent is no request.", "Mend the connector."),
            "no_address": ("Not sent: the name has no usable address.", "Mend the name, or the resolver."),
            "no_connection": ("Not sent: nobody accepts connections there.", "See whether it runs."),
            "timeout": (
                "No answer in time. Not sent where no connection came about, else unknown.",
                "See whether it runs.",
            ),
            "connection_lost": ("Unknown: the connection ended before the answer.", "Nothing."),
            "protocol": ("Unknown: what came back is no answer of HTTP.", "Check the address."),
            "template": ("Refused: the arguments make no request.", "Mend the input or the connector."),
            "address": ("Refused: not an address, or not a listed one.", "List it in `http.hosts`."),
            "unknown_server": ("Refused: no supervisor of that name.", "Name it under `supervisors`."),
            "transient": ("Not applied, says the tool; it may be sent again.", "Nothing."),
            "permanent": ("Refused, says the tool, for good.", "Find out why."),
            "unknownoutcome": ("Unknown, says the tool: it may have been applied.", "Nothing."),
            "raised": ("Unknown: the tool's code raised, which proves nothing.", "Mend the tool."),
        },
    )
)
