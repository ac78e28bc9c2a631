"""How the sample's maintenance page is read and set. A tool is a function with a declaration."""

from pathlib import Path
from typing import Literal

from remit import tool

PAGES = Path(__file__).parent / "pages"


@tool(name="page.read", effect="read", result={"state": "string"})
def read(service: Literal["shop", "search"]) -> dict[str, str]:
    """Read which page a service shows; hide where none was ever set."""
    file = PAGES / service
    return {"state": file.read_text(encoding="ascii").strip() if file.exists() else "hide"}


@tool(
    name="page.set",
    effect="write",
    result={"state": "string"},
    resource="page:{service}",
    dedupe="read_back",  # no key is honoured, but the effect can be read
    repeatable=True,  # it sets a state
    longest_request_s=1.0,
    model={"page.read": {"state": "state"}},  # what it shows afterwards, so that a proof can look
)
def set_state(service: Literal["shop", "search"], state: Literal["show", "hide"]) -> dict[str, str]:
    """Set which page a service shows."""
    PAGES.mkdir(exist_ok=True)
    fresh = PAGES / f"{service}.new"
    fresh.write_text(state + "\n", encoding="ascii")
    fresh.replace(PAGES / service)
    return {"state": state}
