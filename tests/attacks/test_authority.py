"""Calls and requests that reach for more than was handed over: refused by code, kept, and never sent."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evals.storm.target import Target
from policies.call import Call
from policies.guards import READ, WRITE, Guard, GuardContext, Guards, Refusal
from remit.desk import Desk as Folder
from remit.settings import load
from state.entry import DESK, Kind, Role
from state.outcome import Outcome
from tests import guard_kit as kit
from tests.attacks import kit as attacks
from tests.attacks.kit import lines
from tests.flow import kit as flow
from tests.flow.kit import House
from tests.gateway_kit import CANARY, Desk, make_desk
from tools.credentials import Credentials
from tools.secrets import Secrets


@lines(["role-of-another"])
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EXECUTOR])
def test_nobody_but_the_executor_writes(desk: Desk, line: str, role: Role) -> None:
    assert line
    attacks.denied(desk, desk.write(role=role), "role_may_not")


@lines(["role-of-another"])
@pytest.mark.parametrize("role", [Role.PACKAGER, Role.INTAKE, Role.HUMAN])
def test_who_has_no_tools_reads_nothing(desk: Desk, line: str, role: Role) -> None:
    assert line
    came = desk.gateway.read(kit.read_call(role=role), desk.context())
    assert (came.outcome, came.code) == (Outcome.NOT_SENT, "role_may_not")
    assert desk.get.log == []


@lines(["alias"])
@pytest.mark.parametrize(
    "name", ["Seats.grant", "seats.grant ", " seats.grant", "seats .grant", "SEATS.GRANT"]
)
def test_another_spelling_of_a_tool_is_no_tool(desk: Desk, line: str, name: str) -> None:
    assert line
    attacks.denied(desk, desk.write(tool=name), "tool_unknown")


@lines(["limit-split"])
def test_a_limit_is_counted_over_all_runs(house: House, target: Target, line: str) -> None:
    assert line
    house.moved.add("worn")
    for _ in range(2):
        _, task = house.carry("worn", "worn")
        assert task.closed == "completed"
        target.change("worn", 0)
    run, task = house.carry("worn", "worn")
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "resource_exhausted"
    assert house.entries(run, "intent") == []
    assert len(house.sends("worn")) == 2


@lines(["limit-split"])
def test_a_call_over_the_limit_of_its_resource_does_not_leave(desk: Desk, line: str) -> None:
    assert line
    context = kit.with_moment(desk.context(), attempts_on={kit.RESOURCE: 10})
    attacks.denied(desk, desk.gateway.write(desk.holder, kit.call(), context), "resource_attempts_spent")


@lines(["limit-split"])
def test_a_larger_number_is_no_smaller_one_twice(desk: Desk, line: str) -> None:
    assert line
    attacks.denied(desk, desk.write(arguments={**kit.ARGUMENTS, "count": 21}), "argument_range")
    again = make_desk()
    attacks.denied(again, again.write(arguments={**kit.ARGUMENTS, "count": 1}), "argument_differs")


@lines(["object-of-another"])
def test_a_request_for_what_belongs_to_another_is_rejected(house: House, line: str) -> None:
    assert line
    attacks.rejected(house, house.ask("fenced-in", "okay"), "target_not_delegated")
    attacks.rejected(house, house.ask("fenced-in", "ok-1", by="tom"), "requester_not_allowed")


@lines(["object-of-another"])
def test_a_resource_that_the_target_may_not_touch_is_not_touched(house: House, line: str) -> None:
    assert line
    run, task = house.carry("elsewhere", "mine")
    assert task.open_escalation is not None
    assert (task.open_escalation.reason, task.open_escalation.code) == ("denied", "resource_not_delegated")
    assert [e.body["code"] for e in house.entries(run, "denied")] == ["resource_not_delegated"]
    assert house.entries(run, "intent") == []
    assert house.sends("mine") == []


@lines(["credential-of-the-verifier"])
def test_two_roles_that_would_be_one_to_the_target_send_nothing(desk: Desk, line: str) -> None:
    assert line
    same = {"REMIT_SECRET_SEATS_WRITE": CANARY, "REMIT_SECRET_SEATS_READ": CANARY}
    desk.gateway._credentials = Credentials(Secrets(None, environ=same), (kit.GRANT, kit.GET))
    written = desk.write()
    assert (written.reply.outcome, written.reply.code) == (Outcome.NOT_SENT, "no_credential")
    said = desk.entries()[-1].body
    assert (said["code"], said["outcome"]) == ("no_credential", "not_sent")
    assert "executor and verifier share" in said["detail"]
    assert CANARY not in said["detail"]
    assert desk.grant.log == []


@lines(["erring-policy"])
def test_a_refusal_that_cannot_be_judged_refuses(house: House, line: str) -> None:
    assert line
    attacks.rejected(house, house.ask("adds", "erring", goal=7), "refused_branch")


def _errs(call: Call, context: GuardContext) -> Refusal | None:
    raise ZeroDivisionError(call.tool, context.epoch)


@lines(["erring-policy"])
@pytest.mark.parametrize("place", [0, len(WRITE)])
def test_a_guard_that_fails_lets_nothing_leave(line: str, place: int) -> None:
    assert line
    broken = Guard(name="broken", check=_errs, codes=())
    desk = make_desk(Guards(write=(*WRITE[:place], broken, *WRITE[place:]), read=READ))
    attacks.denied(desk, desk.write(), "guard_error")


Spoil = Callable[[str], str]
HALF: dict[str, Spoil] = {
    "nothing": lambda text: "",
    "half of it": lambda text: text[: len(text) // 2],
    "null": lambda text: "null",
    "no approvers": lambda text: text.replace('"approvers": ["owner"]', '"approvers": []'),
}


@lines(["half-a-policy"])
@pytest.mark.parametrize("how", HALF)
def test_a_policy_file_that_is_empty_or_half_written_withdraws_and_gives_nothing(
    tmp_path: Path, target: Target, line: str, how: str
) -> None:
    assert line
    folder = tmp_path / "desk"
    flow.write_desk(folder, [flow.book("adds")])
    flow.approve(folder, target)
    file = folder / "delegation.yaml"
    file.write_text(HALF[how](file.read_text()))
    opened = Folder.open(load(folder), environ={"THINGS_URL": flow.url(target)})
    try:
        before = [e.kind for e in opened.ledger.read(DESK)]
        assert opened.changes() == []
        assert opened.proposed.problems
        assert "ignored: delegation.yaml" in opened.warnings()[0]
        assert before == [Kind.APPROVED] * 2
        assert opened.in_force.digest("adds@1")
    finally:
        opened.close()
    with flow.at_work(folder, target) as house:
        thing = f"half-{how.replace(' ', '-')}"
        attacks.rejected(house, house.ask("adds", thing, by="tom"), "requester_not_allowed")
        assert house.carry("adds", thing)[1].closed == "completed"


@lines(["half-a-policy"])
def test_on_a_desk_where_nothing_was_approved_nobody_may_do_anything(tmp_path: Path, line: str) -> None:
    from remit.cli.app import run as remit

    assert line
    assert remit(["init", str(tmp_path / "desk"), "--json"]) == 0
    shutil.rmtree(tmp_path / "desk" / ".remit")
    for command in (["run", "show the maintenance page of shop"], ["stop"], ["start"]):
        assert remit([*command, "--desk", str(tmp_path / "desk")]) == 4
