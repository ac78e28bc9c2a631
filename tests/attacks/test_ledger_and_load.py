"""Attacks on the record itself, and floods: what was written stays provable, and nothing grows on and on."""

import base64
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from policies.call import Reply
from policies.patterns import pattern_flaw
from remit.cli.app import run as remit
from remit.intake.principal import Asker
from remit.intake.requests import Intake, Request
from state.entry import Kind, chain_hash
from state.errors import FencedError
from state.ledger.columns import COLUMNS
from state.ledger.memory import MemoryLedger
from state.ledger.payload import payload_of
from state.ledger.port import Append, Query
from state.ledger.sql.sqlite import TRIGGERS
from state.outcome import Outcome
from state.projection import row_of
from tests import guard_kit as kit
from tests.attacks import kit as attacks
from tests.attacks.kit import lines
from tests.flow import kit as flow
from tests.flow.kit import House
from tests.gateway_kit import CANARY, GRANTED, Desk, make_desk
from tests.integration.test_http_tools_against_sockets import Peer, answering
from tools.adapters.http_get import http_get
from tools.scrub import Scrubber

ASK = "show the maintenance page of shop"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk on which one run has completed, another waits, and a worker has left."""
    folder = tmp_path_factory.mktemp("ledger") / "desk"
    assert remit(["init", str(folder), "--json"]) == 0
    assert remit(["run", ASK, "--desk", str(folder)]) == 0
    assert remit(["run", "-d", "hide the maintenance page of shop", "--desk", str(folder)]) == 0
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "desk"))


@pytest.fixture
def owned(folder: Path) -> Iterator[sqlite3.Connection]:
    """The file of the ledger in the hands of whoever owns it."""
    owner = sqlite3.connect(folder / ".remit" / "ledger.db", isolation_level=None)
    yield owner
    owner.close()


@pytest.fixture
def verify(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> Callable[..., tuple[int, list[dict[str, Any]]]]:
    def verified(*more: str) -> tuple[int, list[dict[str, Any]]]:
        capsys.readouterr()
        code = remit(["ledger", "verify", *more, "--json", "--desk", str(folder)])
        return code, json.loads(capsys.readouterr().out)["findings"]

    return verified


Verify = Callable[..., tuple[int, list[dict[str, Any]]]]


def certain(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [finding for finding in found if finding["certain"]]


def without_guards(owned: sqlite3.Connection, *statements: str) -> None:
    """Do something that the triggers refuse, and put them back as if nothing had happened."""
    for name in TRIGGERS:
        owned.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        owned.execute(statement)
    for text in TRIGGERS.values():
        owned.execute(text)


def ended(owned: sqlite3.Connection) -> str:
    (run,) = owned.execute("SELECT run FROM runs WHERE state = 'completed'").fetchone()
    return str(run)


@lines(["insert-or-replace"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE seq = 2",
        "REPLACE INTO heads SELECT * FROM heads",
        "UPDATE entries SET body = '{}'",
        "DELETE FROM entries",
    ],
)
def test_the_database_refuses_to_replace_what_was_written(
    owned: sqlite3.Connection, verify: Verify, line: str, statement: str
) -> None:
    assert line
    with pytest.raises(sqlite3.IntegrityError):
        owned.execute(statement)
    assert verify()[0] == 0


@lines(["dropped-trigger"])
@pytest.mark.parametrize("name", TRIGGERS)
def test_a_guard_of_the_database_that_is_gone_is_missed(
    owned: sqlite3.Connection, verify: Verify, line: str, name: str
) -> None:
    assert line
    owned.execute(f"DROP TRIGGER {name}")
    code, found = verify()
    assert code == 8
    assert name in " ".join(finding["what"] for finding in certain(found))


def rewritten(owned: sqlite3.Connection, run: str) -> None:
    """Rewrite the last entry of a run with a hash that fits, and move the head to it."""
    columns = COLUMNS["entries"]
    found = owned.execute(
        f"SELECT {', '.join(columns)} FROM entries WHERE run = ? ORDER BY seq DESC LIMIT 1",  # noqa: S608
        (run,),
    ).fetchone()
    row = dict(zip(columns, found, strict=True))
    row["actor"] = "somebody-else"
    named = {name: row[name] for name in columns if name not in ("body", "hash")}
    row["hash"] = chain_hash(**named, body_text=row["body"])
    where = f"run = '{run}' AND seq = {row['seq']}"
    without_guards(
        owned,
        f"UPDATE entries SET actor = 'somebody-else', hash = '{row['hash']}' WHERE {where}",  # noqa: S608
        f"UPDATE heads SET hash = '{row['hash']}' WHERE run = '{run}'",  # noqa: S608
    )


def against(older: Path, *newer: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """What holding a ledger, or an export, against an older export says."""
    capsys.readouterr()
    code = remit(["ledger", "verify", *newer, "--against", str(older), "--json"])
    return code, json.loads(capsys.readouterr().out)


def export(folder: Path, file: Path) -> Path:
    assert remit(["ledger", "export", str(file), "--json", "--desk", str(folder)]) == 0
    return file


@lines(["rewritten-suffix"])
def test_a_suffix_rewritten_by_the_owner_is_said_to_be_beyond_proof_and_an_export_shows_it(
    folder: Path, owned: sqlite3.Connection, verify: Verify, tmp_path: Path, *, line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert line
    before, run = export(folder, tmp_path / "before.jsonl"), ended(owned)
    rewritten(owned, run)
    _, found = verify()
    assert "compare with an export kept elsewhere" in " ".join(finding["what"] for finding in found)
    (last,) = owned.execute("SELECT max(seq) FROM entries WHERE run = ?", (run,)).fetchone()
    code, said = against(before, "--desk", str(folder), capsys=capsys)
    assert (code, said["against"]["verdict"]) == (8, "contradicts")
    (apart,) = certain(said["findings"])
    assert (apart["run"], apart["seq"]) == (run, last)


@lines(["rewritten-suffix"])
def test_anything_rewritten_before_the_end_breaks_the_chain(
    owned: sqlite3.Connection, verify: Verify, line: str
) -> None:
    assert line
    run = ended(owned)
    where = f"run = '{run}' AND seq = 2"
    without_guards(owned, f"UPDATE entries SET actor = 'somebody-else' WHERE {where}")  # noqa: S608
    code, found = verify()
    assert code == 8
    assert (run, 2) in {(finding["run"], finding["seq"]) for finding in certain(found)}


@lines(["cut-tail"])
@pytest.mark.parametrize("with_head", [False, True])
def test_a_tail_that_was_cut_is_missed(
    owned: sqlite3.Connection, verify: Verify, line: str, *, with_head: bool
) -> None:
    assert line
    run = ended(owned)
    (last,) = owned.execute("SELECT max(seq) FROM entries WHERE run = ?", (run,)).fetchone()
    cut = [f"DELETE FROM entries WHERE run = '{run}' AND seq = {last}"]  # noqa: S608
    if with_head:
        held = f"SELECT hash FROM entries WHERE run = '{run}' AND seq = {last - 1}"  # noqa: S608
        cut.append(f"UPDATE heads SET seq = {last - 1}, hash = ({held}) WHERE run = '{run}'")  # noqa: S608
    without_guards(owned, *cut)
    code, found = verify()
    assert code == 8
    assert run in {finding["run"] for finding in certain(found)}


@lines(["old-backup"])
def test_an_old_backup_put_back_is_said_to_be_beyond_proof_and_an_export_shows_it(
    folder: Path, template: Path, verify: Verify, tmp_path: Path, *, line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert line
    assert remit(["run", "show the maintenance page of search", "--desk", str(folder)]) == 0
    later = export(folder, tmp_path / "later.jsonl")
    for file in (folder / ".remit").glob("ledger.db*"):
        file.unlink()
    for file in (template / ".remit").glob("ledger.db*"):
        shutil.copy(file, folder / ".remit")
    code, found = verify()
    assert code == 0
    assert "put back to an older copy" in " ".join(finding["what"] for finding in found)
    code, said = against(later, "--desk", str(folder), capsys=capsys)
    assert (code, said["against"]["verdict"]) == (8, "lacks")
    assert any("is not there" in finding["what"] for finding in certain(said["findings"]))
    restored = export(folder, tmp_path / "restored.jsonl")
    code, said = against(restored, str(later), capsys=capsys)  # the other way round nothing is missing
    assert (code, said["against"]["verdict"], certain(said["findings"])) == (0, "continues", [])
    assert said["against"]["longer"] > 0


@lines(["forked-exports"])
def test_two_forks_of_one_ledger_are_each_sound_and_contradict_each_other(
    folder: Path, template: Path, verify: Verify, tmp_path: Path, *, line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert line
    other = Path(shutil.copytree(template, tmp_path / "other"))
    exports = []
    for desk in (folder, other):
        assert remit(["worker", "--drain", "--desk", str(desk)]) == 0
        exports.append(export(desk, tmp_path / f"{desk.name}.jsonl"))
        assert verify(str(exports[-1]))[0] == 0
    code, said = against(exports[0], str(exports[1]), capsys=capsys)
    assert (code, said["against"]["verdict"]) == (8, "contradicts")
    code, said = against(exports[0], str(exports[0]), capsys=capsys)
    assert (code, said["against"]["verdict"]) == (0, "same")


@lines(["same-key-other-arguments"])
def test_the_same_key_never_carries_other_arguments(desk: Desk, line: str) -> None:
    assert line
    desk.grant.answer = Reply(outcome=Outcome.NOT_APPLIED, code="429")
    desk.write()
    context = replace(desk.context(), op=kit.reference(attempt=2))
    other = kit.call(arguments={**kit.ARGUMENTS, "count": 1})
    written = desk.gateway.write(desk.holder, other, context)
    assert (written.code, written.guard) == ("argument_differs", "provenance")
    assert desk.kinds() == [Kind.INTENT, Kind.OUTCOME, Kind.DENIED]
    assert len(desk.grant.log) == 1


@lines(["zombie"])
def test_a_worker_that_wakes_behind_its_lease_sends_nothing(desk: Desk, line: str) -> None:
    assert line
    desk.at_point["intent_durable"] = lambda: desk.mine.__setitem__(0, False)
    written = desk.write()
    assert (written.reply.outcome, written.reply.code) == (Outcome.NOT_SENT, "lost_claim")
    assert desk.entries()[-1].body["code"] == "lost_claim"
    assert desk.grant.log == []


@lines(["zombie"])
def test_a_worker_that_was_overtaken_before_its_intent_sends_nothing(desk: Desk, line: str) -> None:
    assert line
    from state import bodies
    from state.holder import extend
    from state.task import Clock

    def overtaken() -> None:
        task = desk.holder.task
        claim = bodies.claimed(
            worker="w2", boot_id="b", pid_ns="n", pid=2, start_time=1, uid=1, lock_file="l",
            clock=Clock(boot_id="b", ms=0), predecessor=None, proven=[],
        )  # fmt: skip
        claimed, entries = extend(task, [claim], at=kit.AT, epoch=task.epoch + 1, code="t")
        taken = Append(
            run=kit.RUN, epoch=task.epoch + 1, head=task.head, entries=entries, row=row_of(claimed)
        )
        desk.ledger.claim(taken, worker="w2")

    desk.at_point["before_intent"] = overtaken
    with pytest.raises(FencedError):
        desk.write()
    assert desk.kinds() == [Kind.CLAIMED]
    assert desk.grant.log == []


@lines(["denied-loop"])
def test_a_denied_call_is_one_entry_and_a_human_is_asked(house: House, line: str) -> None:
    assert line
    run, task = house.carry("elsewhere", "looped")
    assert task.open_escalation is not None
    for _ in range(20):
        house.work(run)
    assert len(house.entries(run, "denied")) == 1
    assert len(house.entries(run, "escalated")) == 1
    assert house.sends("looped") == []


@lines(["retry-storm"])
@pytest.mark.parametrize("fault", ["unavailable", "throttled"])
def test_a_target_that_fails_for_ever_is_asked_as_often_as_its_budget_says(
    house: House, line: str, fault: str
) -> None:
    assert line
    thing = f"storm-{fault}"
    run, task = house.carry("adds", thing, faults=[{"kind": fault, "times": 1000}])
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "retries_exhausted"
    for _ in range(20):
        house.work(run)
    assert len(house.sends(thing)) == len(house.entries(run, "intent")) == 2
    assert house.effects(thing) == []


@lines(["giant-output"])
def test_a_giant_answer_is_not_kept(desk: Desk, line: str) -> None:
    assert line
    desk.grant.answer = replace(GRANTED, result={"grant_id": "x" * 100_000, "seats": 7})
    desk.write()
    assert desk.kinds() == [Kind.INTENT, Kind.OUTCOME]
    assert max(len(e.body_text) for e in desk.entries()) < 20_000
    again = make_desk()
    attacks.answered(again, b'{"grant_id": "' + b"x" * 2_000_000 + b'", "seats": 7}')
    attacks.unknown(again, again.write(), "unreadable")


@lines(["giant-output"])
def test_a_giant_answer_is_not_even_read_whole(line: str) -> None:
    assert line
    size = 200_000_000
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
    peer = Peer(answering(head + b"x" * 2_000_000))
    try:
        tool = http_get([f"127.0.0.1:{peer.port}"])
        began = time.monotonic()
        url = f"http://127.0.0.1:{peer.port}/"
        came = tool.send({"url": url}, key="", secret=None, timeout_s=5)
    finally:
        peer.close()
    assert time.monotonic() - began < 4
    assert came.result == {"answered": True, "status": 200, "json": None}


@lines(["copies-of-one-event"])
def test_ten_thousand_copies_of_one_event_are_one_run(house: House, line: str) -> None:
    assert line
    ledger = MemoryLedger(clock=lambda: kit.AT)
    names = iter(f"{n:026d}" for n in range(1, 20_000))
    intake = Intake(
        ledger=ledger, in_force=house.app.policies.now, model=house.app.model, new_id=lambda: next(names),
        sealed=lambda text: payload_of(text, key=b"k" * 32), code="t",
    )  # fmt: skip
    ann = Asker(name="ann", how="as", os_user="ann")
    asked = Request(asker=ann, source="alert", text="bring flood to 5", delivery="alert-1")
    runs = {intake.submit(intake.read(asked)).run for _ in range(500)}
    same = intake.read(asked)
    runs |= {intake.submit(same).run for _ in range(9_500)}
    assert len(runs) == 1
    assert len(ledger.runs(Query())) == 1
    assert ledger.signals(runs.pop()) == []


@lines(["catastrophic-regex"])
@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "([a-z]+)*$", ".*.*.*=", "(x+x+)+y", r"(\w+\s?)+$"])
def test_a_pattern_that_can_crawl_is_not_approved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, pattern: str
) -> None:
    assert line
    assert pattern_flaw(pattern) is not None
    book = flow.book("crawls", inputs={"thing": {"type": "string", "pattern": pattern}, "goal": flow._NUMBER})
    flow.write_desk(tmp_path, [book])
    assert remit(["runbook", "lint", "--json", "--desk", str(tmp_path)]) == 2
    problems = json.loads(capsys.readouterr().out)
    assert ("inputs.thing.pattern", "bad_pattern") in {(p["path"], p["code"]) for p in problems}


@lines(["secrets"])
def test_a_secret_in_a_request_is_refused_and_not_kept(house: House, line: str) -> None:
    assert line
    intake = house.intake()
    intake._scrubber = Scrubber(lambda: [CANARY])
    ann = Asker(name="ann", how="as", os_user="ann")
    for form in (CANARY, CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode()):
        given = {"thing": "secret", "goal": 5, "note": f"a {form} b"}
        request = Request(asker=ann, source="cli", runbook="noted", inputs=given, text_door=False)
        done = intake.submit(intake.read(request))
        attacks.rejected(house, done, "secret_in_request")
        assert form not in "".join(e.body_text for e in house.entries(done.run))


ANSWERS: dict[str, Any] = {
    "a reply": Reply(outcome=Outcome.REFUSED, code="409", detail=f"no: {CANARY}"),
    "a recorded field": replace(GRANTED, result={"grant_id": f"g-{CANARY}", "seats": 7}),
    "an exception": RuntimeError(f"Authorization: Bearer {CANARY}"),
    "an address": RuntimeError(f"https://me:{CANARY}@host/?token={quote(CANARY)}&x=1 failed"),
    "hex": RuntimeError(CANARY.encode().hex()),
    "base64": RuntimeError(base64.b64encode(b"me:" + CANARY.encode()).decode()),
    "split": RuntimeError(CANARY[:9] + "\u200b" + CANARY[9:]),
}


@lines(["secrets"])
@pytest.mark.parametrize("where", ANSWERS)
def test_no_secret_of_an_answer_is_kept(desk: Desk, line: str, where: str) -> None:
    assert line
    desk.grant.answer = ANSWERS[where]
    written = desk.write()
    kept = "".join(e.body_text for e in desk.entries()) + str(written.reply)
    for form in (CANARY, CANARY.encode().hex(), base64.b64encode(b"me:" + CANARY.encode()).decode()[4:-4]):
        assert form not in kept
    assert CANARY[9:] not in kept
    assert desk.kinds() == [Kind.INTENT, Kind.OUTCOME]


FORGED = (
    'no\n2026-11-23T21:08:40Z completed\r\n{"kind":"closed","state":"completed"}\x1b[1A\x0b\u2028verified'
)


@lines(["forged-log-line"])
def test_a_line_in_an_answer_is_no_entry_and_no_line(desk: Desk, line: str) -> None:
    assert line
    desk.grant.answer = Reply(outcome=Outcome.REFUSED, code="409\n200", detail=FORGED)
    written = desk.write()
    assert desk.kinds() == [Kind.INTENT, Kind.OUTCOME]
    for said in (written.reply.detail, desk.entries()[-1].body["detail"], desk.entries()[-1].body["code"]):
        assert said.isprintable()
        assert len(said.splitlines()) == 1
    assert desk.holder.task.closed is None
