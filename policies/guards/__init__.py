"""The guards: what a call must pass before it leaves. Hard-coded, ordered, default deny, any error a denial.

``table`` is the law, ``context`` what a guard is told and answers; the others hold one function a guard.
They run on the frozen call that will be sent, as pure functions of it and of what the context says.

What they do not cover, and what does:

- That the context tells the truth. The gateway takes task, claim and contract from their owners; the caller
  answers for the moment, the policies and the reads, which it takes from the ledger.
- The time after they were asked. The stop switch is asked again by the intent's insert, in its transaction;
  deadline and claim are asked once more just before the send. Nothing can call back what has left.
- What a target does with an allowed call, or what else it may do with the credential: checks and probes look.
- Meaning. A runbook whose steps are right by every rule and harmful is approved by a human; so is a pattern
  that lets ``--flag`` through. Patterns that crawl are refused when files are loaded (``policies.patterns``).
- Names: which host an address resolves to is judged in the one HTTP client, when it connects.
- Notices (``effect: notify``): fixed templates and an outbox, never a call.
- A run whose delegation was withdrawn still *reads* under its pinned policy, to settle what it has sent.
"""

from policies.guards.context import Allowed, Denied, Guard, GuardContext, OperationRef, Refusal, Verdict
from policies.guards.limits import confirmation_digest
from policies.guards.table import GUARDS, READ, WRITE, Guards, walk

__all__ = [
    "GUARDS",
    "READ",
    "WRITE",
    "Allowed",
    "Denied",
    "Guard",
    "GuardContext",
    "Guards",
    "OperationRef",
    "Refusal",
    "Verdict",
    "confirmation_digest",
    "walk",
]
