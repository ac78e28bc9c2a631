import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from policies.contract import ToolContract
from policies.proof.prover import Depth
from remit.bootstrap import open_app
from remit.cli.app import run
from remit.desk import Desk, payload_key
from remit.errors import DeskError
from remit.intake.principal import Asker
from remit.kit import kit_of, secrets_of
from remit.proving.spread import AT_ONCE
from remit.settings import load
from state.entry import DESK, Kind
from state.outcome import Outcome
from tests.desk_kit import desks, me

ROOT = Path(__file__).parents[3]

TWO = """schema: remit/delegation/v1
principals:
  lee:  {roles: [owner, operator], os: [root]}
  olga: {roles: [owner], os: [olga]}
  dana: {roles: [operator], os: [dana]}
delegate:
  - runbook: maintenance-page@1
    mode: delegated
    request: [operator]
    decide: [owner]
    target: "{inputs.service}"
    targets: [shop, search]
    resources: {shop: ["page:shop"], search: ["page:search"]}
approval: {approvers: [owner], not_author: true}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk") / "t"
    assert run(["init", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def folder(template, tmp_path):
    shutil.copytree(template, tmp_path / "desk")
    return tmp_path / "desk"


@pytest.fixture
def opened(folder):
    with desks() as opens:
        yield lambda: opens(folder)


def approve(desk, changes, asker):
    """What is proved of them is not asked here."""
    prover = desk.prover(depth=Depth.QUICK, bounds=AT_ONCE)
    return desk.approve(changes, asker, prover=prover, accepted="a test")


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def book(folder):
    return folder / "runbooks" / "maintenance-page.yaml"


def scopes(changes):
    return {c.scope: c.kind for c in changes}


def test_init_makes_a_desk_that_works_at_once(folder, opened):
    desk = opened()
    assert desk.warnings() == []
    assert desk.changes() == []
    policy = desk.in_force.policy("maintenance-page@1")
    assert policy.runbook.id == "maintenance-page"
    assert set(policy.contracts) == {"page.read", "page.set"}
    assert desk.in_force.people().approval.solo
    approved = [e for e in desk.ledger.read(DESK) if e.kind is Kind.APPROVED]
    assert [e.body["scope"] for e in approved] == ["principals", "maintenance-page@1"]
    assert all(e.body["solo"] for e in approved)
    assert (folder / ".remit").stat().st_mode & 0o777 == 0o700
    assert (folder / ".remit" / "secrets" / "payload_key").stat().st_mode & 0o777 == 0o600


SERVICE = "{name: a, env: b, supervisor: c, program: d, health_url: 'http://h:1/', system_owner: e}"
EDITS = {
    "delegation": ("delegation.yaml", "mode: delegated", "mode: confirm"),
    "catalog": ("catalog.yaml", "services: []", f"services: [{SERVICE}]"),
    "addresses": ("remit.toml", "hosts = []", 'hosts = ["127.0.0.1:80"]'),
}


@pytest.mark.parametrize("part", EDITS)
def test_an_edit_is_not_in_force_and_says_so(folder, opened, part):
    before = opened().in_force.digest("maintenance-page@1")
    file, old, new = EDITS[part]
    edit(folder / file, old, new)
    desk = opened()
    (change,) = desk.changes()
    assert change.kind == "changed"
    assert change.parts == (part,)
    assert desk.in_force.digest("maintenance-page@1") == before
    assert "the last approved version stays in force" in desk.warnings()[0]
    (done,) = approve(desk, desk.changes(), me(desk))
    assert done.state == "approved"
    assert desk.changes() == []
    assert desk.in_force.digest("maintenance-page@1") != before
    assert before in desk.in_force.history


def test_what_is_in_force_is_read_from_the_ledger_and_not_from_the_disk(folder, opened):
    edit(book(folder), "writes: 2", "writes: 500")
    assert opened().in_force.policy("maintenance-page@1").runbook.limits.writes == 2
    shutil.rmtree(folder / "runbooks")
    assert opened().in_force.policy("maintenance-page@1").runbook.limits.writes == 2


def test_the_same_id_and_version_with_another_digest_is_refused(folder, opened):
    edit(book(folder), "writes: 2", "writes: 3")
    desk = opened()
    (change,) = desk.changes()
    assert change.code == "version_reused"
    (done,) = approve(desk, [change], me(desk))
    assert done.state == "refused"
    assert desk.in_force.policy("maintenance-page@1").runbook.limits.writes == 2


def test_a_comment_changes_nothing(folder, opened):
    book(folder).write_text("# another comment\n" + book(folder).read_text())
    assert opened().changes() == []


def test_a_new_version_replaces_the_old_one_in_one_act(folder, opened):
    edit(book(folder), "version: 1", "version: 2")
    edit(folder / "delegation.yaml", "maintenance-page@1", "maintenance-page@2")
    desk = opened()
    assert scopes(desk.changes()) == {"maintenance-page@2": "new", "maintenance-page@1": "withdrawn"}
    approve(desk, desk.changes(), me(desk))
    assert set(desk.in_force.runbooks) == {"maintenance-page@2"}


@pytest.mark.parametrize("text", ["schema: [", "", "schema: remit/delegation/v1\n", "a: 1\na: 2\n", "\x00"])
def test_a_delegation_that_cannot_be_read_withdraws_nothing(folder, opened, text):
    (folder / "delegation.yaml").write_text(text)
    desk = opened()
    assert desk.changes() == []
    assert "maintenance-page@1" in desk.in_force.runbooks
    assert any(w.startswith("ignored: delegation.yaml:") for w in desk.warnings())


def test_every_problem_of_a_file_has_its_file_line_and_code(folder, opened):
    edit(book(folder), "timeout: 5s", "timuot: 5s")
    (folder / "runbooks" / "twin.yaml").write_text(book(folder).read_text().replace("timuot", "timeout"))
    warnings = "\n".join(opened().warnings())
    assert (
        "runbooks/maintenance-page.yaml:32:5 steps.0.timuot: unknown field (did you mean timeout?)"
        in warnings
    )


def test_two_files_of_one_runbook_are_told_and_the_second_ignored(folder, opened):
    (folder / "runbooks" / "twin.yaml").write_text(book(folder).read_text())
    desk = opened()
    assert any("twin.yaml" in w and "already" in w for w in desk.warnings())
    assert desk.changes() == []


def test_a_runbook_without_delegation_cannot_run_and_is_told(folder, opened):
    text = book(folder).read_text().replace("id: maintenance-page", "id: other")
    (folder / "runbooks" / "other.yaml").write_text(text)
    assert any(w.startswith("not delegated: other@1") for w in opened().warnings())


def test_one_proposes_and_another_approves(folder, opened):
    (folder / "delegation.yaml").write_text(TWO)
    desk = opened()
    approve(desk, desk.changes(), me(desk))
    lee, olga, dana = (Asker(name=n, how="os", os_user=n) for n in ("lee", "olga", "dana"))
    edit(folder / "delegation.yaml", "mode: delegated", "mode: confirm")
    desk = opened()
    (done,) = approve(desk, desk.changes(), lee)
    assert (done.state, done.verdict.code) == ("proposed", "own_change")
    (done,) = approve(desk, desk.changes(), lee)
    assert done.state == "refused"
    (done,) = approve(desk, desk.changes(), dana)
    assert done.verdict.code == "not_an_approver"
    assert desk.in_force.policy("maintenance-page@1").delegation.mode == "delegated"
    (done,) = approve(desk, desk.changes(), olga)
    assert (done.state, done.verdict.solo) == ("approved", False)
    assert desk.in_force.policy("maintenance-page@1").delegation.mode == "confirm"
    assert desk.in_force.runbooks["maintenance-page@1"].author == "lee"


def test_one_operating_system_user_under_two_names_does_not_approve_its_own_change(folder, opened):
    (folder / "delegation.yaml").write_text(TWO)
    desk = opened()
    approve(desk, desk.changes(), me(desk))
    as_dana, as_lee = (Asker(name=n, how="as", os_user="shared") for n in ("dana", "lee"))
    edit(folder / "delegation.yaml", "mode: delegated", "mode: confirm")
    desk = opened()
    (done,) = approve(desk, desk.changes(), as_dana)
    assert done.state == "proposed"
    (done,) = approve(desk, desk.changes(), as_lee)
    assert (done.state, done.verdict.code) == ("refused", "own_change")
    assert desk.in_force.policy("maintenance-page@1").delegation.mode == "delegated"
    (done,) = approve(desk, desk.changes(), Asker(name="lee", how="os", os_user="lee"))
    assert done.state == "approved"


def test_who_may_approve_is_judged_by_the_rules_before_the_act(folder, opened):
    (folder / "delegation.yaml").write_text(TWO)
    desk = opened()
    eve = Asker(name="lee", how="as", os_user="eve")  # an owner only by the file that is to be approved
    done = approve(desk, desk.changes(), eve)
    assert {d.state for d in done} == {"refused"}


def test_a_payload_key_that_is_none_is_refused(folder):
    file = folder / ".remit" / "secrets" / "payload_key"
    for text in ("", "xyz", "00ff"):
        file.write_text(text)
        with pytest.raises(DeskError) as raised:
            payload_key(load(folder))
        assert raised.value.code == "bad_payload_key"


def test_a_payload_key_is_not_made_anew_for_a_ledger_that_has_one(folder):
    file = folder / ".remit" / "secrets" / "payload_key"
    file.unlink()
    with pytest.raises(DeskError) as raised:
        Desk.open(load(folder))
    assert (raised.value.code, file.exists()) == ("payload_key_missing", False)
    assert "backup" in raised.value.hint


def test_another_payload_key_than_that_of_the_ledger_is_refused(folder):
    (folder / ".remit" / "secrets" / "payload_key").write_text("ab" * 32)
    with pytest.raises(DeskError) as raised:
        Desk.open(load(folder))
    assert raised.value.code == "payload_key_other"
    assert "payload_key" in raised.value.hint


def test_the_sample_that_init_copies_is_the_one_beside_the_code(folder):
    import remit.sample

    source = Path(remit.sample.__file__).parent
    assert book(folder).read_bytes() == (source / "runbooks" / "maintenance-page.yaml").read_bytes()


def test_two_desks_in_one_process_have_each_their_own_tools(folder, tmp_path):
    other = tmp_path / "other"
    assert run(["init", str(other), "--json"]) == 0
    edit(other / "page_tools.py", 'PAGES / f"{service}.new"', 'PAGES / f"{service}.fresh"')
    sources = set()
    for place in (folder, other, folder):
        desk = Desk.open(load(place))
        sources.add(desk.proposed.contracts["page.set"].source)
        assert len(desk.changes()) == (place == other)
        desk.close()
    assert len(sources) == 2


RAN = "with open(__file__ + '.ran', 'a') as out:\n    out.write('x')\n"


def kit(desk):
    policy = desk.in_force.policy("maintenance-page@1")
    return kit_of(policy, desk.settings, secrets_of(desk.settings, {}))


def ran(folder):
    return [str(file.relative_to(folder)) for file in folder.rglob("*.ran")]


def as_approved(made):
    return {name for name, digest in made.policy.contracts.items() if made.contracts[name].digest == digest}


def test_a_module_as_approved_is_executed_to_run(folder, opened):
    made = kit(opened())
    assert as_approved(made) == {"page.read", "page.set"}
    send = {"key": "", "secret": None, "timeout_s": 1.0}
    assert made.registry.tool("page.read").send({"service": "shop"}, **send).result == {"state": "hide"}


def test_a_module_that_nobody_approved_is_executed_only_to_be_judged(folder, opened):
    (folder / "page_tools.py").write_text(RAN + (folder / "page_tools.py").read_text())
    for command in (["runbook", "list"], ["doctor"], ["runs", "list"]):
        run([*command, "--desk", str(folder), "--json"])
    desk = opened()
    (change,) = desk.pending()
    assert change.parts == ("contracts", "sources")
    assert change.problem == "not executed before they are approved: page_tools"
    made = kit(desk)
    assert as_approved(made) == set()
    send = {"key": "", "secret": None, "timeout_s": 1.0}
    reply = made.registry.tool("page.set").send({"service": "shop", "state": "show"}, **send)
    assert reply.outcome is Outcome.NOT_SENT
    assert ran(folder) == []
    (change,) = desk.changes()
    assert (change.parts, change.problem) == (("contracts", "sources"), "")
    assert ran(folder) == ["page_tools.py.ran"]
    approve(desk, desk.changes(), me(desk))
    assert desk.pending() == []
    assert as_approved(kit(desk)) == {"page.read", "page.set"}


def test_a_module_that_a_tool_imports_is_bound_with_it(folder, opened):
    tools = folder / "page_tools.py"
    tools.write_text(tools.read_text() + "\n\nimport page_names\n")
    (folder / "page_names.py").write_text("NAMES = 1\n")
    problems = [p for p in opened().proposed.problems if p.code == "bad_tool"]
    assert "page_names.py stands in the desk, but tools.modules does not list page_names" in str(problems[0])
    edit(folder / "remit.toml", 'modules = ["page_tools"]', 'modules = ["page_tools", "page_names"]')
    desk = opened()
    approve(desk, desk.changes(), me(desk))
    assert set(desk.in_force.policy("maintenance-page@1").sources) == {"page_tools", "page_names"}
    assert as_approved(kit(desk)) == {"page.read", "page.set"}
    (folder / "page_names.py").write_text(RAN)
    desk = opened()
    assert as_approved(kit(desk)) == set()
    assert "sources" in desk.pending()[0].parts
    assert ran(folder) == []


def test_a_module_that_was_put_back_is_executed_by_the_worker_that_missed_it(folder, opened):
    tools, pins = folder / "page_tools.py", opened().in_force.policy("maintenance-page@1").pins
    before = tools.read_text()
    tools.write_text("# edited\n" + before)
    with open_app(load(folder), environ={}) as app:
        assert not app.kit(pins).as_approved
        tools.write_text(before)
        assert app.kit(pins).as_approved
        tools.write_text("# edited again, while the bytes that were approved are loaded\n" + before)
        assert app.kit(pins).as_approved


def test_the_text_of_an_approved_contract_is_kept_with_the_approval(folder, opened):
    policy = opened().in_force.policy("maintenance-page@1")
    kept = {name: ToolContract.from_document(text).digest for name, text in policy.documents.items()}
    assert kept == policy.contracts


def test_a_package_in_the_desk_takes_no_librarys_place(folder):
    for name in ("celpy", "openai", "h11", "xmlrpc"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(RAN)
    for arguments in (["doctor"], ["run", "maintenance-page", "-i", "service=shop", "-i", "wanted=show"]):
        done = subprocess.run(  # from the desk: ``-m`` puts the working folder on the path
            [sys.executable, "-m", "remit", *arguments, "--json"], cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert ran(folder) == []
