"""How an attempt ended, and what is known of its effect."""

from enum import StrEnum


class Outcome(StrEnum):
    """How an attempt ended. Only ``unknown`` leaves open whether the target was changed."""

    SUCCEEDED = "succeeded"  # the target said so, and its answer could be read
    REFUSED = "refused"  # definite and permanent: not applied, and sending again would not help
    NOT_APPLIED = "not_applied"  # definite: not applied, may be retried
    NOT_SENT = "not_sent"  # definite: no byte left this process
    UNKNOWN = "unknown"  # anything else after bytes have left


class Known(StrEnum):
    """What is known of an operation's effect on its target."""

    CONFIRMED = (
        "confirmed"  # verified, probed, said by a human's word that counts, or succeeded with nothing to read
    )
    REFUTED = "refuted"  # definitely not applied
    UNKNOWN = "unknown"  # anything else


DEFINITE_ABSENT = frozenset({Outcome.REFUSED, Outcome.NOT_APPLIED, Outcome.NOT_SENT})
