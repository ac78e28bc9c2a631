"""What is proved: a runbook as it would be approved, with the contracts of its tools."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import policies
import state
from policies.approval import document
from policies.contract import ToolContract
from policies.loader import Loaded
from policies.proof.prover import Depth
from policies.runbook import Runbook
from remit.folder import Candidate
from state import canonical

_ROOMS: Final = (policies, state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One runbook to be proved. ``digest``: of its document; ``contracts``: of the tools that it may use."""

    runbook: Runbook
    digest: str
    contracts: Mapping[str, ToolContract] = field(repr=False)

    def key(self, depth: Depth) -> str:
        """What a proof of it at that depth is kept under: any change of what it rests on gives another."""
        return canonical.digest(
            {
                "runbook": self.digest,
                "contracts": {name: contract.digest for name, contract in sorted(self.contracts.items())},
                "depth": str(depth),
                "prover": prover_digest(),
            }
        )


def subject_of(book: Loaded[Runbook], contracts: Mapping[str, ToolContract]) -> Subject:
    """A runbook as its file says; tools that are not known are left out (which lint says)."""
    return Subject(
        runbook=book.value,
        digest=canonical.digest_text(document(book.document.value)),
        contracts=_used(book.value, contracts),
    )


def subject_of_candidate(candidate: Candidate) -> Subject:
    """The very documents that an approval of ``candidate`` would bind, whatever the files say now."""
    bundle, contents = candidate.bundle, candidate.contents

    def part(name: str) -> str:
        return contents[bundle.parts[name]]

    contracts = {
        name: ToolContract.from_document(contents[digest])
        for name, digest in canonical.loads(part("contracts")).items()
    }
    return Subject(
        runbook=Runbook.model_validate_json(part("runbook")),
        digest=bundle.parts["runbook"],
        contracts=contracts,
    )


@lru_cache(maxsize=1)
def prover_digest() -> str:
    """Digest of the sources that a proof rests on: the decision core that it drives, and the prover."""
    rooms = [Path(folder) for room in _ROOMS for folder in room.__path__]
    files = sorted((path.relative_to(room.parent), path) for room in rooms for path in room.rglob("*.py"))
    return canonical.digest(
        {str(name): canonical.digest_text(path.read_text(encoding="utf-8")) for name, path in files}
    )


def _used(book: Runbook, contracts: Mapping[str, ToolContract]) -> dict[str, ToolContract]:
    return {name: contracts[name] for name in book.authority.tools if name in contracts}
