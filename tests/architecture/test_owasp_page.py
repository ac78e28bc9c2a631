"""Does the page on the OWASP Top 10 name all ten risks rightly, and only tests that exist?"""

import re
from pathlib import Path

import pytest

from tests.attacks.test_lines import functions

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "owasp.md").read_text(encoding="utf-8")
# as the edition of 2026 calls them
RISKS = {
    "ASI01": "Agent Goal Hijack",
    "ASI02": "Tool Misuse and Exploitation",
    "ASI03": "Identity and Privilege Abuse",
    "ASI04": "Agentic Supply Chain Vulnerabilities",
    "ASI05": "Unexpected Code Execution",
    "ASI06": "Memory and Context Poisoning",
    "ASI07": "Insecure Inter-Agent Communication",
    "ASI08": "Cascading Failures",
    "ASI09": "Human-Agent Trust Exploitation",
    "ASI10": "Rogue Agents",
}


@pytest.mark.parametrize("risk", RISKS)
def test_each_risk_has_its_row_and_tests_that_exist(risk: str) -> None:
    assert f"| **{risk}** {RISKS[risk]} |" in PAGE
    (shown,) = re.findall(rf"^- \*\*{risk}\*\*:(.*?)(?=^- |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    tests = re.findall(r"`([^`]+)`", shown)
    assert len(tests) >= 3
    for test in tests:
        path, _, name = test.partition("::")
        assert name in functions(path), test


def test_nothing_else_is_listed() -> None:
    assert re.findall(r"^\| \*\*(\w+)\*\*", PAGE, re.MULTILINE) == list(RISKS)
    assert re.findall(r"^- \*\*(\w+)\*\*", PAGE, re.MULTILINE) == list(RISKS)
