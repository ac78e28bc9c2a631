"""May a packet say this? Every claim cites evidence; what a fact states stands in what it cites.

Numbers and quoted names of a fact occur in a cited excerpt. Words of cause make a claim an inference, which
needs a citation too but is not compared.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

MAX_CLAIMS: Final = 5
MAX_TEXT: Final = 240
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:[.:]\d+)*(?![\w])", re.ASCII)
_QUOTED: Final = re.compile(
    r"[\"'`]([^\"'`]{1,80})[\"'`]|\u201c([^\u201d]{1,80})\u201d|\u2018([^\u2019]{1,80})\u2019"
)
_CAUSAL: Final = re.compile(
    r"\b(because|caused?|causes|causing|due to|since|therefore|hence|thus|so that|as a result|leads? to|"
    r"led to|root cause|explains?|blames?|fault of|owing to|results? (?:in|from))\b",
    re.IGNORECASE,
)


def rule_claims(state: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What rules can claim: of each check that did not pass, what was observed."""
    claims = []
    for row in state:
        if row["verdict"] != "pass" and row["evidence"]:
            text = f"{row['check']}: {row['verdict']}, observed {row['observed']}"[:MAX_TEXT]
            claims.append({"kind": "fact", "text": text, "evidence": list(row["evidence"])})
    return claims


def kept_claims(
    claims: Sequence[Mapping[str, Any]], evidence: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The claims that may be said, numbered; a fact that names a cause becomes an inference."""
    excerpts = {item["id"]: item["excerpt"] for item in evidence}
    kept: list[dict[str, Any]] = []
    for claim in claims:
        text = str(claim["text"])[:MAX_TEXT]
        kind = "inference" if claim["kind"] != "fact" or _CAUSAL.search(text) else "fact"
        candidate = {
            "id": f"c{len(kept) + 1}",
            "kind": kind,
            "text": text,
            "evidence": list(claim["evidence"]),
        }
        if claim_fault(candidate, excerpts) is None and len(kept) < MAX_CLAIMS:
            kept.append(candidate)
    return kept


def claim_fault(claim: Mapping[str, Any], excerpts: Mapping[str, str]) -> str | None:
    """Why a claim may not stand, None where it may. ``excerpts``: evidence id -> excerpt."""
    name, cited = claim.get("id", "?"), claim.get("evidence", [])
    if not cited:
        return f"claim {name} cites nothing"
    missing = [e for e in cited if e not in excerpts]
    if missing:
        return f"claim {name} cites {missing[0]}, which is not there"
    if claim.get("kind") == "inference":
        return None
    if claim.get("kind") != "fact":
        return f"claim {name} is neither fact nor inference"
    text = str(claim.get("text", ""))
    if _CAUSAL.search(text):
        return f"claim {name} names a cause, so it is an inference"
    shown = " ".join(excerpts[e] for e in cited)
    numbers = set(_NUMBER.findall(shown))
    for number in _NUMBER.findall(text):
        if number not in numbers:
            return f"claim {name} says {number}, which its evidence does not"
    for quoted in filter(None, (name for names in _QUOTED.findall(text) for name in names)):
        if quoted not in shown:
            return f"claim {name} quotes {quoted!r}, which its evidence does not"
    return None
