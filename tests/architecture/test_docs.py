"""Do the pages for people say what is true: fresh tables, links that lead somewhere, commands that exist?"""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from evals.docs import decision_table, lifecycle, reasons
from evals.docs.pages import PAGES
from policies.moves import ROWS
from policies.reasons import REASONS, Area
from remit.cli.app import app
from remit.settings import OTHER_VARIABLES, Settings
from remit.toolbox import Surroundings, registry_of
from state.lifecycle import NEXT

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = sorted(
    page for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")] if page.name != "CHANGELOG.md"
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:remit|esc|runs) [a-z][^`]*)`")
ids = [str(page.relative_to(ROOT)) for page in WRITTEN]
every_page = pytest.mark.parametrize("page", WRITTEN, ids=ids)


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What headings are linked as: lower case, words joined by dashes, the rest left out."""
    heads = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


# tables of law


@pytest.mark.parametrize("name", PAGES)
def test_a_page_made_from_a_table_is_fresh(name: str) -> None:
    stored = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert stored == PAGES[name](), "stale: python -m evals.docs"


def test_every_lane_and_every_area_is_told() -> None:
    assert set(lifecycle.MEANS) == set(NEXT)
    assert set(reasons.TITLES) == set(Area)


def test_every_row_of_the_decision_table_answers_some_move() -> None:
    silent = [row.__name__ for row in ROWS if not decision_table.moves_of(row)]
    assert not silent


def test_moves_are_found_behind_the_functions_that_rows_share() -> None:
    row = next(row for row in ROWS if row.__name__ == "row_16_budgets")
    assert {"Leave", "Turn `rolling_back`", "Escalate `deadline_passed`"} <= set(decision_table.moves_of(row))


# reason codes


def calls(*places: str) -> Iterator[ast.Call]:
    """Every call in the modules of these folders (their subfolders too) or files."""
    for place in places:
        path = ROOT / place
        for module in [path] if path.is_file() else sorted(path.rglob("*.py")):
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield node


def literals(node: ast.AST) -> set[str]:
    found = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    return {value for value in found if isinstance(value, str)}


def given(name: str, *places: str) -> set[str]:
    """Every literal given for a keyword ``name``, that of a choice between two included."""
    return {
        text
        for call in calls(*places)
        for keyword in call.keywords
        if keyword.arg == name and isinstance(keyword.value, ast.Constant | ast.IfExp)
        for text in literals(keyword.value)
        if text
    }


def test_every_code_of_a_decision_that_is_not_taken_has_its_row_and_no_other_has() -> None:
    refused = {
        str(call.args[2].value)
        for call in calls("policies/decisions.py")
        if isinstance(call.func, ast.Name)
        and call.func.id == "_refused"
        and isinstance(call.args[2], ast.Constant)
    }
    assert "no_grant" in refused
    assert given("code", "policies/decisions.py") | refused == set(REASONS[Area.DECISION])


def test_every_word_of_a_tool_for_an_answer_has_its_row() -> None:
    spoken = given("code", "tools/adapters", "tools/python_tool.py", "tools/http_client.py")
    spoken |= {
        str(call.args[0].value)
        for call in calls("tools/http_client.py")
        if isinstance(call.func, ast.Name)
        and call.func.id == "_Failed"
        and isinstance(call.args[0], ast.Constant)
    }
    assert {"timeout", "not_found", "raised"} <= spoken
    assert spoken <= set(REASONS[Area.OUTCOME])


def test_every_reason_that_the_graph_writes_has_its_row() -> None:
    known = {code for rows in REASONS.values() for code in rows}
    written = given("reason", "graph/nodes", "graph/judging.py", "remit/worker")
    assert written <= known


def refusals() -> Iterator[ast.Call]:
    """Every call in the doors, and in what they ask about approvals, that makes an error or a verdict."""
    for call in calls("remit", "policies/approval.py"):
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if name.endswith("Error") or name in ("Verdict", "Rejected"):
            yield call


def refusal_codes() -> set[str]:
    """Every literal code of a refusal; both of a choice, not what the choice is made by."""
    found: set[str] = set()
    for call in refusals():
        for value in (keyword.value for keyword in call.keywords if keyword.arg == "code"):
            either = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
            found |= {str(v.value) for v in either if isinstance(v, ast.Constant) and v.value}
    return found


def test_every_code_of_a_command_has_its_row_and_no_other_has() -> None:
    elsewhere = {code for area, rows in REASONS.items() if area is not Area.COMMAND for code in rows}
    codes = refusal_codes()
    assert {"usage", "version_reused", "not_approvable", "own_change", "still_held", "bad_file"} <= codes
    assert codes - elsewhere == set(REASONS[Area.COMMAND])


def test_every_refusal_of_a_command_has_a_code_that_can_be_looked_up() -> None:
    """Literal, or handed on from what has one: a verdict, a reading, a run's answer, a file's problem."""
    handed_on = {"code", "reading.code", "verdict.code", "refused['code']", "_LIMIT_CODES[reached.limit]"}
    handed_on |= {"change.code", "flaw.code", "lacking.code", "late.code"}
    for call in refusals():
        for keyword in call.keywords:
            if keyword.arg == "code" and not literals(keyword.value):
                assert ast.unparse(keyword.value) in handed_on


def test_every_code_of_lint_says_how_to_fix_it() -> None:
    spoken = {
        str(call.args[2].value)
        for call in calls("policies/lint")
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "problem"
        and isinstance(call.args[2], ast.Constant)
    } | given("code", "policies/cel_types.py")
    page = prose(ROOT / "docs/writing-a-runbook.md").partition("## What lint says")[2]
    told = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert len(spoken) > 30
    assert told == spoken


# links


@every_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        where, _, anchor = link.partition("#")
        target = (page.parent / where).resolve() if where else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


def test_every_decision_stands_in_the_index_under_a_number_of_its_own() -> None:
    folder = ROOT / "docs/decisions"
    names = sorted(page.name for page in folder.glob("[0-9]*.md"))
    numbers = [name[:4] for name in names]
    listed = LINK.findall((folder / "0000-template-and-index.md").read_text(encoding="utf-8"))
    assert len(set(numbers)) == len(numbers)
    assert sorted(listed) == names
    for name in names[1:]:
        assert (folder / name).read_text(encoding="utf-8").startswith(f"# {name[:4]} ")


# commands


def typed(page: Path) -> list[str]:
    """Every command line of ``remit`` in the page's blocks of shell; what stands behind ``&&`` too."""
    text = page.read_text(encoding="utf-8")
    lines = [
        part.strip()
        for language, block in FENCE.findall(text)
        if language in ("sh", "")
        for line in block.splitlines()
        for part in line.partition(" #")[0].split("&&")
    ]
    return [line.partition(" > ")[0] for line in lines if line.startswith("remit ")]


def parsed(words: list[str]) -> None:
    """Parse a whole command line as the program does, without carrying it out; the parser's UsageError."""
    here: Any = get_command(app)
    rest, parent = words, None
    while True:
        parent = here.make_context(here.name, list(rest), parent=parent)
        if not hasattr(here, "commands"):
            return
        name, here, rest = here.resolve_command(parent, [*parent._protected_args, *parent.args])
        assert here is not None, name


def mentioned(words: list[str]) -> str:
    """What is wrong with a command that is mentioned without its arguments: a verb or option not there."""
    here: Any = get_command(app)
    for number, word in enumerate(words):
        commands = getattr(here, "commands", None)
        if commands is None:
            options = {name for parameter in here.params for name in parameter.opts}
            return next((w for w in words[number:] if w.startswith("-") and w not in options), "")
        if word.startswith("-"):
            return ""
        if word not in commands:
            return word
        here = commands[word]
    return ""


@every_page
def test_every_command_line_in_a_block_parses(page: Path) -> None:
    for line in typed(page):
        try:
            parsed(shlex.split(line)[1:])
        except Exception as error:
            raise AssertionError(f"{line}: {error}") from error


@every_page
def test_every_command_that_is_mentioned_exists(page: Path) -> None:
    for line in INLINE.findall(page.read_text(encoding="utf-8")):
        words = shlex.split(line.replace("…", "X"))
        words = words[1:] if words[0] == "remit" else words
        assert not mentioned(words), line


def test_the_commands_are_really_looked_at() -> None:
    assert len(typed(ROOT / "docs/quickstart.md")) > 10
    assert len(typed(ROOT / "README.md")) > 2
    assert mentioned(["runs", "forget"]) == "forget"
    assert mentioned(["stop", "--gently"]) == "--gently"
    with pytest.raises(Exception, match="Missing"):
        parsed(["esc", "show"])


# settings, variables, tools


def keys(model: Any, prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        if inner is not None:
            yield from keys(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_the_table_of_settings_is_that_of_the_code() -> None:
    page = prose(ROOT / "docs/operating.md").partition("| setting |")[2].partition("\n\n")[0]
    told = set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE))
    assert told == set(keys(Settings)) - {"desk"}


@every_page
def test_every_variable_that_is_named_is_read(page: Path) -> None:
    known = {"REMIT_" + name.replace(".", "__").upper() for name in keys(Settings)}
    for name in re.findall(r"\bREMIT_[A-Z0-9_]+\b", page.read_text(encoding="utf-8")):
        assert name in known or name.startswith(OTHER_VARIABLES), name


def test_the_built_in_tools_are_those_of_the_code() -> None:
    from policies.catalog import Catalog

    catalog = Catalog.model_validate({"schema": "remit/catalog/v1", "services": ()})
    around = Surroundings(supervisors={"one": "unix:///run/one.sock"}, hosts=("a:1",), catalog=catalog)
    page = prose(ROOT / "docs/writing-a-connector.md").partition("## Tools that are there already")[2]
    told = {name for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", page) if name != "http.hosts"}
    assert told - {"catalog.yaml"} == set(registry_of(around).contracts())
