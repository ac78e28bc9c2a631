"""What an answer over HTTP means for an attempt: the classification, as one table, first match wins.

| what came                                               | outcome                                     |
|---------------------------------------------------------|---------------------------------------------|
| nothing, and no byte of the request had left            | not_sent                                    |
| nothing, and bytes had left                             | unknown                                     |
| a status listed as succeeded, body as declared          | succeeded                                   |
| a status listed as succeeded, body not so               | unknown                                     |
| 412 on a conditional write                              | not_applied, the condition has moved        |
| a status listed as refused                              | refused                                     |
| a status listed as not_applied                          | not_applied                                 |
| 401 or 403, not listed                                  | not_applied, pauses the connector           |
| anything else: redirects, 404, 429, 5xx where unlisted  | unknown                                     |
"""

from typing import Final

from policies.call import Reply
from policies.contract import DedupeKind, ToolContract
from state.outcome import Outcome
from tools.errors import UnreadableReplyError
from tools.http_client import HttpAnswer, HttpFailure
from tools.result import conform, parse_json
from tools.scrub import one_line
from tools.secrets import Secret

PRECONDITION_FAILED: Final = 412
DESK_FAULTS: Final = (401, 403)


def classify(contract: ToolContract, came: HttpAnswer | HttpFailure, secret: Secret | None = None) -> Reply:
    """Apply the table to ``came``; ``secret`` is scrubbed from the detail."""
    if isinstance(came, HttpFailure):
        outcome = Outcome.UNKNOWN if came.bytes_left else Outcome.NOT_SENT
        return Reply(outcome=outcome, code=came.code, detail=one_line(came.detail, secrets=[secret]))
    if came.status in contract.answers.succeeded:
        return _success(contract, came)
    code, detail = str(came.status), one_line(_said(came), secrets=[secret])
    if came.status == PRECONDITION_FAILED and contract.dedupe.kind is DedupeKind.CONDITIONAL_WRITE:
        return Reply(outcome=Outcome.NOT_APPLIED, code=code, detail=detail, condition_failed=True)
    if came.status in contract.answers.refused:
        return Reply(outcome=Outcome.REFUSED, code=code, detail=detail)
    if came.status in contract.answers.not_applied:
        return Reply(outcome=Outcome.NOT_APPLIED, code=code, detail=detail)
    if came.status in DESK_FAULTS:
        return Reply(outcome=Outcome.NOT_APPLIED, code=code, detail=detail, pauses=True)
    return Reply(outcome=Outcome.UNKNOWN, code=code, detail=detail)


def _success(contract: ToolContract, came: HttpAnswer) -> Reply:
    if came.body is None:
        return Reply(outcome=Outcome.UNKNOWN, code="unreadable", detail=f"{came.status}, {came.trouble}")
    try:
        value = parse_json(came.body) if contract.result else None
        result = conform(value, contract.result)
    except UnreadableReplyError as error:
        return Reply(outcome=Outcome.UNKNOWN, code="unreadable", detail=one_line(f"{came.status}: {error}"))
    return Reply(outcome=Outcome.SUCCEEDED, code=str(came.status), result=result)


def _said(came: HttpAnswer) -> str:
    if came.body is None:
        return f"{came.status}, {came.trouble}"
    text = came.body.decode("utf-8", errors="replace").strip()  # whole: it is scrubbed before it is cut
    return f"{came.status}: {text}" if text else str(came.status)
