"""How a request joins a run that is there for the same need: by a signal, and a delivery for good."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from state import canonical
from state.errors import DuplicateNeedError
from state.ledger.derived import JOINED
from state.ledger.port import Ledger, Signal

if TYPE_CHECKING:
    from remit.intake.requests import Request


def join(ledger: Ledger, request: "Request", run: str, *, ref: str, new_id: Callable[[], str]) -> str:
    """Tell ``run`` of the request, and keep its delivery; the run that the delivery stands for.

    A delivery is kept also where the run has ended meanwhile: it is answered so from then on.
    DeliveryConflictError where it came before with another body.
    """
    if request.delivery is None and ledger.info(run).row.state is not None:
        return run
    kept: dict[str, str] = {}
    name = new_id() if request.delivery is None else canonical.digest([request.source, request.delivery])
    if request.delivery is not None:
        kept = {"delivery": request.delivery, "delivery_digest": request.digest}
    signal = Signal(
        id=f"{run}/{JOINED}/{name}", run=run, kind=JOINED, by=request.asker.name, at=ledger.now(),
        body={**request.asker.said, "source": request.source, "ref": ref, **kept},
    )  # fmt: skip
    try:
        ledger.post(signal)
    except DuplicateNeedError as other:
        return other.run
    return run
