from pathlib import Path

import pytest

from agents.models.factory import model_from
from agents.models.scripted import ScriptedModel
from policies import yaml_tree
from policies.admission import Rejected
from policies.approval import PRINCIPALS, Bundle, approval, document, proposal
from policies.in_force import fold_desk
from remit.intake.principal import Asker
from remit.intake.requests import Intake, Request
from state import bodies, canonical
from state.entry import DESK, Kind
from state.fold import fold
from state.holder import Holder, extend
from state.ledger.memory import MemoryLedger
from state.ledger.payload import payload_of
from state.ledger.port import Append, Stop
from state.projection import project, row_of
from state.task import Clock

EXAMPLES = Path(__file__).parents[2] / "fixtures" / "examples"
AT = "2026-11-23T11:00:00.000000Z"
DANA = Asker(name="dana", how="os", os_user="dana")
CHECKOUT = {"service": "checkout", "env": "prod"}


def parsed(name):
    return yaml_tree.read((EXAMPLES / name).read_bytes(), name).value


def approved(scope, parts, author):
    contents = {canonical.digest_text(document(v)): document(v) for v in parts.values()}
    bundle = Bundle(scope=scope, parts={p: canonical.digest_text(document(v)) for p, v in parts.items()})
    give = approval(
        bundle=bundle, scope=scope, was=None, by="lee", author=author, solo=False, contents=contents
    )
    return [proposal(scope=scope, to=bundle.digest, by=author), give] if author != "lee" else [give]


@pytest.fixture
def ledger():
    delegation = parsed("delegation.yaml")
    book = parsed("service-recovery.yaml")
    entry = {**delegation["delegate"][0], "concurrency": 2, "rate": {"max": 4, "per": "1h"}}
    parts = {
        "runbook": book, "contracts": {}, "connectors": {}, "catalog": None,
        "addresses": {"supervisors": {}, "hosts": [], "connectors": {}}, "delegation": entry,
    }  # fmt: skip
    people = {PRINCIPALS: {k: delegation[k] for k in ("principals", "approval")}}
    made = MemoryLedger(clock=lambda: AT, project=project)
    for draft in [*approved(PRINCIPALS, people, "lee"), *approved("service-recovery@3", parts, "dana")]:
        made.append_desk([draft], at=AT, code="t")
    return made


@pytest.fixture
def intake(ledger):
    names = iter(f"{n:026d}" for n in range(1, 1000))
    return Intake(
        ledger=ledger,
        in_force=lambda: fold_desk(ledger.read(DESK)),
        model=model_from("rules", {}),
        new_id=lambda: next(names),
        sealed=lambda text: payload_of(text, key=b"k" * 32),
        code="t",
        on_disk=lambda: ["draft@1"],
        model_calls_per_hour=2,
    )


def ask(intake, text="restart checkout in prod", **request):
    return intake.submit(intake.read(Request(asker=DANA, source="cli", text=text, **request)))


def named(intake, runbook="service-recovery", inputs=CHECKOUT, **request):
    made = Request(**{"asker": DANA, "source": "cli", "runbook": runbook, "inputs": inputs, **request})
    return intake.submit(intake.read(made))


def kinds(ledger, run):
    return [e.kind for e in ledger.read(run)]


def test_an_admitted_request_is_one_append_and_its_words_stand_beside_the_chain(intake, ledger):
    made = ask(intake, ref="slack:1")
    assert kinds(ledger, made.run) == [Kind.REQUESTED, Kind.INTERPRETED, Kind.ADMITTED]
    requested, interpreted, admitted = (e.body for e in ledger.read(made.run))
    assert requested["by"] == "dana"
    assert requested["how"] == "os"
    assert "restart" not in str(requested)
    assert ledger.payload(requested["text"]) == "restart checkout in prod"
    assert (interpreted["by"], interpreted["phrase"]) == ("phrase", "restart {service} in {env}")
    assert admitted["pins"]["bundle"] == fold_desk(ledger.read(DESK)).digest("service-recovery@3")
    assert ledger.info(made.run).row.lane == "admitted"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"runbook": "nope"}, "unknown_runbook"),
        ({"runbook": "service-recovery@2"}, "unknown_runbook"),
        ({"runbook": "draft"}, "not_approved"),
        ({"inputs": {"service": "checkout"}}, "missing_input"),
        ({"inputs": {"service": "payments", "env": "prod"}}, "target_not_delegated"),
        ({"asker": Asker(name="lee", how="os", os_user="lee")}, "requester_not_allowed"),
        ({"criteria": ("customers are happy",)}, "criteria_not_covered"),
        ({"inputs": {"service": "x", "env": "\udcff"}, "delivery": "d"}, "bad_input"),
        ({"inputs": {"service": 10**4000, "env": "prod"}}, "bad_input"),
        ({"inputs": {"service": 1.5, "env": float("nan")}}, "bad_input"),
        ({"inputs": {"service": "checkout", "env": "prod", "\ud800": "x" * 100_000}}, "unknown_input"),
    ],
)
def test_what_is_rejected_is_a_run_that_ended_so_and_nothing_is_lost(intake, ledger, request_, code):
    made = named(intake, **request_)
    assert made.rejected.code == code
    task = fold(ledger.read(made.run))
    assert (task.closed, task.reason) == ("rejected", code)
    assert ledger.info(made.run).row.lane == "ended/rejected"


def test_a_request_that_nobody_understands_is_kept_with_what_could_be_said(intake, ledger):
    made = ask(intake, "make it nice")
    assert made.rejected.code == "asked_back"
    assert "restart {service} in {env}" in made.rejected.message
    assert kinds(ledger, made.run) == [Kind.REQUESTED, Kind.REJECTED]


def test_bytes_that_are_no_text_are_rejected_and_kept(intake, ledger):
    made = ask(intake, "restart \udcff in prod", ref="\udcff")
    assert made.rejected is not None
    (digest,) = [e.body["text"] for e in ledger.read(made.run) if e.kind is Kind.REQUESTED]
    assert ledger.payload(digest) == "restart ? in prod"


def test_three_doors_with_one_need_join_one_run(intake, ledger):
    first = ask(intake)
    source = Asker(name="alertmanager", how="as", os_user="remit")
    for made in (ask(intake), named(intake), named(intake, asker=source, source="alert", text_door=False)):
        assert (made.run, made.attached) == (first.run, True)
    assert [s.by for s in ledger.signals(first.run)] == ["dana", "dana", "alertmanager"]
    assert {s.kind for s in ledger.signals(first.run)} == {"attached"}


def test_a_delivery_that_comes_a_hundred_times_is_one_request(intake, ledger):
    first = ask(intake, delivery="m1")
    for _ in range(100):
        assert ask(intake, delivery="m1").run == first.run
    assert ledger.signals(first.run) == []  # nothing new was said
    other = ask(intake, "restart search in prod", delivery="m1")
    assert other.rejected.code == "delivery_conflict"
    assert other.run != first.run


def end(ledger, run):
    """A worker takes the run, and it ends."""
    task = fold(ledger.read(run))
    claimed = bodies.claimed(
        worker="w", boot_id="b", pid_ns="n", pid=7, start_time=1, uid=1, lock_file="/run/w",
        clock=Clock(boot_id="b", ms=1), predecessor=None, proven=[],
    )  # fmt: skip
    task, entries = extend(task, (claimed,), at=AT, epoch=1, code="t")
    head = fold(ledger.read(run)).head
    ledger.claim(Append(run=run, epoch=1, head=head, entries=entries, row=row_of(task)), worker="w")
    holder = Holder(ledger=ledger, task=task, worker="w", code="t")
    for signal in ledger.signals(run):
        said = bodies.signal(id=signal.id, kind=signal.kind, by=signal.by, at=AT, body=signal.body)
        holder.append(said, folds=(signal.id,))
    holder.append(bodies.closed(state="completed", reason="done"))


def test_a_delivery_that_joined_a_run_stands_for_it_for_good(intake, ledger):
    first = ask(intake)
    joined = ask(intake, delivery="m3")
    assert (joined.run, joined.attached) == (first.run, True)
    other = ask(intake, "restart search in prod", delivery="m3")
    assert (other.rejected.code, other.run != first.run) == ("delivery_conflict", True)
    end(ledger, first.run)
    again = ask(intake, delivery="m3")
    assert (again.run, again.attached) == (first.run, True)
    assert ask(intake, "restart search in prod", delivery="m3").rejected.code == "delivery_conflict"
    assert ask(intake, delivery="m4").run != first.run  # another delivery is another request by now
    assert [f for f in ledger.verify() if f.certain] == []


def test_deliveries_whose_names_run_together_are_two(intake, ledger):
    first = ask(intake)
    for source, delivery in (("cli:a", "b"), ("cli", "a:b")):
        asked = Request(asker=DANA, source=source, text="restart checkout in prod", delivery=delivery)
        assert intake.submit(intake.read(asked)).run == first.run
    assert len(ledger.signals(first.run)) == 2


def test_a_rejected_delivery_that_comes_again_is_the_same_run(intake):
    first = ask(intake, "make it nice", delivery="m2")
    again = ask(intake, "make it nice", delivery="m2")
    assert (again.run, again.attached) == (first.run, True)


def test_limits_are_kept_by_the_ledger_too(intake, ledger, monkeypatch):
    ask(intake)
    ask(intake, "restart search in prod")
    third = "restart payments in staging"
    assert ask(intake, third).rejected.code == "concurrency_exceeded"
    # as if another process had taken the last place between the question and the append
    monkeypatch.setattr(ledger, "count_runs", lambda limit: 0)
    made = ask(intake, third)
    assert made.rejected.code == "concurrency_exceeded"
    assert fold(ledger.read(made.run)).closed == "rejected"


def test_a_stop_between_question_and_append_rejects(intake, ledger, monkeypatch):
    ledger.stop(Stop(scope="runbook:service-recovery", by="lee", at=AT, why="test"))
    monkeypatch.setattr(ledger, "stops", list)
    made = ask(intake)
    assert made.rejected.code == "stopped"


def test_judging_keeps_nothing(intake, ledger):
    proposed = intake.read(Request(asker=DANA, source="cli", text="restart checkout in prod"))
    before = len(ledger.read("0" * 25 + "1"))
    assert not isinstance(intake.judge(proposed), Rejected)
    assert len(ledger.read("0" * 25 + "1")) == before == 0


LOOSE = "would you please bring checkout back in prod"


class Asked:
    """A model that understands, and remembers how many model calls were reserved when it was asked."""

    def __init__(self, ledger):
        read = {
            "runbook": "service-recovery",
            "inputs": [{"name": n, "value": v} for n, v in CHECKOUT.items()],
        }
        self.reserved, self._ledger = [], ledger
        self._model = ScriptedModel([read] * 9)
        self.consults, self.model_id = True, "asked"

    def answer(self, *arguments, **more):
        self.reserved.append(sum(e.kind is Kind.RESERVED for e in self._ledger.read(DESK)))
        return self._model.answer(*arguments, **more)


def test_a_requesters_words_are_put_to_a_model_only_as_often_as_is_set(intake, ledger, monkeypatch):
    model = Asked(ledger)
    monkeypatch.setattr(intake, "_model", model)
    asked = Request(asker=DANA, source="cli", text=LOOSE)
    for _ in range(2):
        assert intake.read(asked, can_confirm=True).confirm
    assert model.reserved == [1, 2]  # durable before the call
    spent = intake.read(asked, can_confirm=True)
    assert (spent.refused.code, len(model.reserved)) == ("model_budget_spent", 2)
    assert "restart {service} in {env}" in spent.refused.message
    kept = intake.submit(spent)
    assert (kept.rejected.code, fold(ledger.read(kept.run)).reason) == ("model_budget_spent",) * 2
    assert intake.read(Request(asker=DANA, source="cli", text="restart checkout in prod")).refused is None
    assert len(model.reserved) == 2
    assert [finding for finding in ledger.verify() if finding.certain] == []


def test_what_nobody_could_confirm_or_a_phrase_says_reserves_nothing(intake, ledger, monkeypatch):
    monkeypatch.setattr(intake, "_model", Asked(ledger))
    assert intake.read(Request(asker=DANA, source="cli", text=LOOSE)).refused.code == "not_understood"
    assert intake.read(Request(asker=DANA, source="cli", text="restart checkout in prod"), can_confirm=True)
    assert Kind.RESERVED not in kinds(ledger, DESK)
