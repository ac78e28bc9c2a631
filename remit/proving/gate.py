"""The gate before an approval: whether a runbook was proved, and what of its proof the approval records.

There is no way around it: ``Desk.approve`` asks it for each runbook, and what it lets pass is written into
the approval, with the digest of the proof. A counterexample is never approved. Less than a full proof of
every path is approved only by somebody who says why they accept that, and the approval keeps the reason.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from policies.approval import Verdict as Allowed
from policies.proof.proof import Proof, Verdict
from policies.proof.prover import Depth
from remit.folder import Candidate
from remit.proving.keeping import Keep
from remit.proving.spread import Bounds, Show, explore_all, unseen
from remit.proving.subject import Subject, subject_of_candidate
from state import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What came of proving one runbook. ``kept``: it was proved before; ``seconds``: that it took now."""

    proof: Proof
    kept: bool = False
    seconds: float = 0.0

    @property
    def digest(self) -> str:
        """The digest that an approval records."""
        return canonical.digest(self.proof.as_json())

    def recorded(self, accepted: str) -> dict[str, Any]:
        """What an approval says of it. ``accepted``: why one that is not exhausted will do."""
        proof = self.proof
        body = {
            "digest": self.digest,
            "verdict": str(proof.verdict),
            "depth": str(proof.depth),
            "states": proof.states,
        }
        return body if self.whole else {**body, "bounds": list(proof.bounds), "accepted": accepted}

    @property
    def whole(self) -> bool:
        """Whether every path was explored, at full depth, and no law is broken on any."""
        return self.proof.verdict is Verdict.PROVED and self.proof.depth is Depth.FULL

    def allowed(self, accepted: str) -> Allowed:
        """Whether it may be approved; ``accepted`` as for ``recorded``."""
        proof = self.proof
        if proof.verdict is Verdict.COUNTEREXAMPLE:
            headline = proof.broken[0].what
            more = f", and {len(proof.broken) - 1} more" if len(proof.broken) > 1 else ""
            return Allowed(code="counterexample", message=f"it has a counterexample: {headline}{more}")
        if not self.whole and not accepted:
            why = "; ".join(proof.bounds) or f"the {proof.depth} proof leaves out crashes and humans"
            return Allowed(code="not_exhausted", message=f"it is not proved on every path: {why}")
        return Allowed()


class Prover:
    """Proves within bounds, or finds the proof that is kept."""

    def __init__(
        self,
        keep: Keep,
        *,
        depth: Depth = Depth.FULL,
        bounds: Bounds | None = None,
        show: Show = unseen,
    ) -> None:
        """``show`` is told now and then how far a proof is that is really made."""
        self._keep, self.depth, self._show = keep, depth, show
        self.bounds = bounds or Bounds()

    def prove(self, subject: Subject) -> Proven:
        """Prove one runbook, unless a proof of it is kept that could not tell more."""
        held = self._keep.find(subject, self.depth, self.bounds)
        if held is not None:
            return Proven(proof=held, kept=True)
        begun = time.monotonic()
        proof = explore_all(subject, self.depth, self.bounds, self._show)
        with contextlib.suppress(OSError):  # one that cannot be kept is made again
            self._keep.put(subject, self.depth, self.bounds, proof)
        return Proven(proof=proof, seconds=time.monotonic() - begun)

    def prove_candidate(self, candidate: Candidate) -> Proven:
        """Prove what an approval of ``candidate`` would bind."""
        return self.prove(subject_of_candidate(candidate))
