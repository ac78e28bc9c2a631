"""What of a reply goes on from the door: declared fields, scrubbed, capped; what does not fit is unknown."""

from typing import Any, Final, Protocol

from policies.call import Outcome, Reply
from policies.contract import Effect, ToolContract
from state import canonical
from state.errors import CanonicalError
from tools.errors import UnreadableReplyError
from tools.result import conform
from tools.scrub import MAX_TEXT

MAX_RESULT_BYTES: Final = 64 * 1024
MAX_CODE: Final = 80
MAX_DETAIL: Final = 300


class Scrubs(Protocol):
    """Takes secrets out of what a tool said (``tools.scrub.Scrubber``)."""

    def line(self, text: str, *, limit: int = MAX_DETAIL) -> str:
        """Give ``text`` scrubbed, on one line, at most ``limit`` characters."""
        ...

    def value(self, value: Any) -> Any:
        """Scrub all strings of a JSON value."""
        ...


def bounded(reply: Any, contract: ToolContract, scrubber: Scrubs) -> Reply:
    """Make what a tool returned fit for the ledger; anything that is no reply as declared becomes unknown."""
    if not isinstance(reply, Reply):
        return _unknown("no_reply", f"the tool returned {type(reply).__name__}")
    kept: dict[str, Any] | None = None
    if reply.outcome is Outcome.SUCCEEDED:
        try:
            declared = conform(reply.result if contract.result else {}, contract.result)
            recorded = _recorded(declared, contract)
            if contract.effect is not Effect.READ and (longest := _longest(recorded)) > MAX_TEXT:
                return _unknown("too_large", f"a text of {longest} characters; at most {MAX_TEXT} are kept")
            kept = scrubber.value(recorded)
            size = canonical.size_of(canonical.dumps(kept))
        except (UnreadableReplyError, CanonicalError) as error:
            return _unknown("unreadable", scrubber.line(str(error)))
        if size > MAX_RESULT_BYTES:
            return _unknown("too_large", f"a result of {size} bytes; at most {MAX_RESULT_BYTES} are taken")
    return Reply(
        outcome=reply.outcome,
        result=kept,
        code=scrubber.line(str(reply.code), limit=MAX_CODE),
        detail=scrubber.line(str(reply.detail)),
        condition_failed=reply.condition_failed,
        pauses=reply.pauses,
        notes=tuple(scrubber.line(str(note)) for note in reply.notes[:10]),
    )


def _recorded(result: dict[str, Any], contract: ToolContract) -> dict[str, Any]:
    if contract.effect is Effect.READ:
        return result
    return {name: value for name, value in result.items() if name in contract.recorded}


def _longest(value: Any) -> int:
    """The length of the longest text: one that is cut is no id to undo by, so a write's are never cut."""
    if isinstance(value, str):
        return len(value)
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max(map(_longest, parts), default=0)


def _unknown(code: str, detail: str) -> Reply:
    return Reply(outcome=Outcome.UNKNOWN, code=code, detail=detail)
