"""Runs told entry by entry, and what a packet of them is made of."""

from pathlib import Path

from policies.loader import load_runbook
from policies.terms import terms_of
from state import bodies
from state.holder import extend
from state.instants import after
from state.outcome import Outcome
from state.packet import OPTION_IDS, Context, Material, Option, Stop
from state.task import Clock, Task

EXAMPLES = Path(__file__).resolve().parents[0] / "fixtures" / "examples"
RUNBOOK = load_runbook(EXAMPLES / "service-recovery.yaml").value
TERMS = terms_of(RUNBOOK)
RUN = "01J9Z6K3QW8R5T2M7N4P6X0YBC"
START = "2026-11-23T21:08:40.000000Z"
RESOURCE = "supervisor:prod-1/checkout"
CLOCK = Clock(boot_id="b", ms=1)
PINS = {n: f"sha256:{n}" for n in ("runbook", "contracts", "delegation", "connectors", "catalog")}


class Story:
    """A run told entry by entry, a second apart."""

    def __init__(self):
        self.task, self.entries, self.at = Task(run=RUN), [], START

    def say(self, *drafts, epoch=1, later=1):
        self.task, entries = extend(self.task, drafts, at=self.at, epoch=epoch, code="test")
        assert not self.task.unsound, self.task.unsound
        self.entries += entries
        self.at = after(self.at, later)

    def begin(self):
        inputs = {"service": "checkout", "env": "prod"}
        self.say(
            bodies.requested(
                actor="dana",
                source="chat",
                by="dana",
                os_user="dana",
                as_given=None,
                ref="slack:1",
                delivery=None,
                text="hmac:x",
                criteria=[],
            ),
            bodies.interpreted(
                actor="dana", runbook="service-recovery", version=3, inputs=inputs, by="phrase", phrase="p"
            ),
            bodies.admitted(
                actor="dana",
                runbook="service-recovery",
                version=3,
                title="t",
                inputs=inputs,
                target="prod/checkout",
                mode="delegated",
                solo=False,
                pins=PINS,
                once_key=None,
                once_span_ms=None,
                delivery=None,
                deadline_ms=900_000,
                severity="high",
                requester="dana",
                source="chat",
            ),
            epoch=0,
        )
        self.say(
            bodies.claimed(
                worker="w",
                boot_id="b",
                pid_ns="n",
                pid=1,
                start_time=1,
                uid=0,
                lock_file="l",
                clock=CLOCK,
                predecessor=None,
                proven=[],
            )
        )
        self.say(
            bodies.hydrated(
                actor="w", bindings={"svc": {}}, initial={}, resources=[RESOURCE], holds=[RESOURCE], facts={}
            )
        )
        return self

    def checked(self, name, verdict, observed="seen 200"):
        facts = {"health": {"value": {"status": 200}, "source": "http.get"}}
        self.say(
            bodies.checked(actor="w", id=name, verdict=verdict, expected="so", observed=observed, facts=facts)
        )

    def send(self, step, ordinal, attempt=1):
        op = f"{step}/{ordinal}"
        self.say(
            bodies.intent(
                actor="w",
                credential="none",
                op=op,
                step=step,
                item=None,
                ordinal=ordinal,
                undoes=None,
                attempt=attempt,
                tool=f"supervisor.{step}",
                resource=RESOURCE,
                arguments={},
                key=f"{RUN}/{op}",
                digest="sha256:d",
                send_by=after(self.at, 5),
                span_ms=1000,
                facts={},
                granted=False,
            )
        )
        return op

    def outcome(self, op, attempt, outcome, detail="", code="ok"):
        self.say(
            bodies.outcome(
                actor="w",
                credential="none",
                op=op,
                attempt=attempt,
                outcome=outcome,
                code=code,
                detail=detail,
                result=None,
                condition_failed=False,
                pauses=False,
                counts=True,
                returned=CLOCK,
            )
        )

    def verify(self, scope, check, verdict, value=None):
        facts = {"health": {"value": value or {"answered": True, "status": 503}, "source": "http.get"}}
        self.say(
            bodies.verified(
                actor="w",
                scope=scope,
                check=check,
                expected="health.status == 200",
                verdict=verdict,
                facts=facts,
                observed=f"health.status {(value or {'status': 503})['status']}",
                max_gap_ms=9000,
            )
        )

    def written(self):
        """A stop, a start that was not applied, and the same start again."""
        self.begin()
        self.checked("dependencies-up", "pass", "payments: 200")
        stop = self.send("stop", 1)
        self.outcome(stop, 1, Outcome.SUCCEEDED)
        self.verify(stop, "stopped", "pass", {"status": 0})
        self.say(bodies.confirmed(op=stop))
        start = self.send("start", 1)
        self.outcome(start, 1, Outcome.NOT_APPLIED, "NO_FILE", "fault 20")
        self.send("start", 1, attempt=2)
        self.outcome(start, 2, Outcome.SUCCEEDED)
        self.verify(start, "new-process", "pass", {"status": 1})
        self.say(bodies.confirmed(op=start))
        return self

    def completed(self):
        self.written()
        self.verify("completion", "healthy-and-stays", "pass", {"answered": True, "status": 200})
        self.verify("completion", "still-running", "pass", {"answered": True, "status": 200})
        self.say(bodies.closed(state="completed", reason="verified"))
        return self

    def failed(self):
        self.written()
        for _ in range(3):
            self.verify("completion", "healthy-and-stays", "fail")
        return self

    def unknown(self):
        self.begin()
        op = self.send("stop", 1)
        self.outcome(op, 1, Outcome.UNKNOWN, "no whole answer in time", "timeout")
        return self


OPTIONS = [
    Option(
        id=i,
        allowed=i != "roll_back",
        does="does so" if i != "roll_back" else "",
        why="" if i != "roll_back" else "no",
        cli=f"remit esc {i}",
    )
    for i in OPTION_IDS
]


def material(story, reason="verify_failed", **more):
    given = {
        "task": story.task,
        "entries": story.entries,
        "terms": TERMS,
        "stop": Stop(
            id=f"{RUN}/esc-1",
            reason=reason,
            row=23,
            severity="high",
            basis="sha256:b",
            step="completion",
            told="role:oncall",
            told_next="system_owner (team checkout)",
            respond_by=after(story.at, 600),
        ),
        "options": OPTIONS,
        "at": story.at,
        "context": Context(text="restart checkout in prod", system_owner="team checkout"),
        "deadline_left_ms": 515_000,
    }
    return Material(**(given | more))
