"""What the three acts do and what each must have come to, by the ledger and by what the world itself says."""

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from evals.demo.desk import ACCOUNT, ENV
from evals.demo.errors import OtherwiseError
from evals.demo.household import Household
from evals.demo.sides import count, side_by_side, takeover, unanswered
from evals.demo.stage import EVIDENCE, Check, Stage
from evals.demo.world import World
from remit.views import Views
from state.entry import Entry, Kind
from state.ledger.port import Query

SERVICE: Final = "checkout"
DEPENDENCY: Final = "payments"
RECOVERY: Final = "service-recovery"
RAISE: Final = "quota-raise"
PHRASE: Final = f"restart {SERVICE} in {ENV}"
QUOTA: Final = 100
RAISE_BY: Final = 25
LATE_MS: Final = 1200  # within the tool's patience, and within the longest request of its contract
_SEEN_WITHIN_S: Final = 30.0
_WAITS_FOR_A_HUMAN: Final = 3  # the exit code
_OK: Final = str(int(HTTPStatus.OK))


@dataclass(kw_only=True)
class Play:
    """What every act plays with. ``runs``: the run of each act, once it has been asked for."""

    household: Household
    stage: Stage
    world: World
    views: Views
    runs: list[str] = field(default_factory=list)

    def entries(self, runbook: str) -> Sequence[Entry]:
        """Read the chain of the run that this act has asked for; nothing while there is none."""
        found = self.views.runs(Query(runbook=runbook), most=1)
        return self.views.show(found[0].run).entries if found and found[0].run not in self.runs else ()

    def took(self, runbook: str) -> str:
        """Note the run that this act has asked for; OtherwiseError where there is none."""
        entries = self.entries(runbook)
        if not entries:
            raise OtherwiseError(f"no run of {runbook} is in the ledger")
        self.runs.append(entries[0].run)
        return entries[0].run

    def record(self, run: str) -> dict[str, Any]:
        """Read a run's completion record."""
        return self.views.record(self.views.show(run))


def routine(play: Play) -> None:
    """Act 1: a service fails, its restart is refused once, and is tried again within its budget."""
    stage, world = play.stage, play.world
    stage.act("Act 1  Routine, with a hiccup")
    world.break_service(SERVICE)
    before, done = world.process(SERVICE), len(world.supervised(SERVICE))
    stage.say(
        f"{SERVICE} runs (pid {before.pid}) and answers {world.health(SERVICE)}. Somebody asks for a restart."
    )
    stage.say("Its program file is moved away for a moment, so that supervisord refuses the first start.")
    program = world.program(SERVICE)
    away = program.with_suffix(".away")
    program.rename(away)
    try:
        asked = stage.type("run", PHRASE)
        play.household.until(
            lambda: asked.poll() is not None or _refusals(play.entries(RECOVERY)), within_s=_SEEN_WITHIN_S
        )
    finally:
        away.rename(program)
    stage.finish(asked, ("run", PHRASE), ends=0)
    run = play.took(RECOVERY)
    record, after = play.record(run), world.process(SERVICE)
    retries = record["retries"]["start"]
    refusals = _refusals(play.views.show(run).entries)
    stage.found(
        Check("how the run ended", "completed", record["state"], "completion record"),
        Check(
            "first start", "not_applied, fault 20", (refusals or ["not refused"])[0], "supervisord's answer"
        ),
        Check(
            "retries of start",
            f"1 to {retries['budget']}",
            str(retries["used"]),
            "completion record",
            met=1 <= retries["used"] <= retries["budget"],
        ),
        Check(
            f"done to {SERVICE}",
            "stopped, spawned",
            ", ".join(world.supervised(SERVICE)[done:]),
            "supervisord's log",
        ),
        Check(
            "its process", "a new pid", "a new pid" if after.pid != before.pid else "the same", "supervisord"
        ),
        Check("its health", _OK, str(world.health(SERVICE)), "the service"),
    )


def killed(play: Play) -> None:
    """Act 2: the process that holds the run is killed while the target has the write and has not answered."""
    stage, world = play.stage, play.world
    stage.act("Act 2  Killed in mid-effect")
    world.set_value(ACCOUNT, QUOTA)
    world.delay_next_write(ACCOUNT, LATE_MS)
    stage.say(
        f"The quota of {ACCOUNT} is {QUOTA}. The API adds what it is told, each time, and honours no key."
    )
    stage.say(f"It takes {LATE_MS} ms over the next write. Once it has received it, remit is killed.")
    asked = stage.type("run", RAISE, "-i", f"account={ACCOUNT}", "-i", f"count={RAISE_BY}")
    play.household.until(
        lambda: asked.poll() is not None or count(world.writes(ACCOUNT), "request"), within_s=_SEEN_WITHIN_S
    )
    holder = _kill_holder(play, asked)
    value, journal = world.value(ACCOUNT), world.writes(ACCOUNT)
    run = play.took(RAISE)
    entries = play.views.show(run).entries
    stage.tidy()
    stage.say(f"kill -9 {holder}: the pid in the run's claim. What is known now:")
    stage.beside("remit's ledger", "the target's own log", side_by_side(entries, journal))
    stage.gap()
    stage.say(f"The quota reads {value}. Whoever trusts that look, and sends again, raises it twice.")
    stage.say(
        "A new process takes over: it proves the death, waits until nothing can still land, then looks."
    )
    worker = stage.type("worker", "--drain", into=f"{EVIDENCE}/worker.txt", behind=True)
    stage.remit("runs", "watch", run)
    stage.finish(worker, ("worker", "--drain"), ends=0)
    open_then = unanswered(entries)
    entries, journal = play.views.show(run).entries, world.writes(ACCOUNT)
    stage.beside("remit's ledger", "the target's own log", side_by_side(entries, journal))
    probed = [str(e.body["verdict"]) for e in entries if e.kind is Kind.RECONCILED]
    sent, applied = count(journal, "request"), count(journal, "effect")
    stage.found(
        Check("open at the kill", "raise/1", ", ".join(open_then), "ledger: intent without outcome"),
        Check("the killed process", "exited", takeover(entries), "the claim that took over"),
        Check("the probe", "applied", (probed or ["none"])[-1], "ledger, after the quarantine"),
        Check("how the run ended", "completed", play.record(run)["state"], "completion record"),
        Check("requests, effects", "1, 1", f"{sent}, {applied}", "the target's log"),
        Check("the quota", str(QUOTA + RAISE_BY), str(world.value(ACCOUNT)), "the target"),
    )


def exception(play: Play) -> None:
    """Act 3: a dependency is down, so nothing is written; a human repairs it and lets the run go on."""
    stage, world = play.stage, play.world
    stage.act("Act 3  A true exception")
    world.stop_service(DEPENDENCY)
    world.break_service(SERVICE)
    done = {name: len(world.supervised(name)) for name in (SERVICE, DEPENDENCY)}
    stage.say(f"{SERVICE} answers {world.health(SERVICE)} again. But {DEPENDENCY}, which it needs, is down.")
    stage.say("A restart would not help. remit stops, and hands over a packet.")
    stage.remit("run", PHRASE, ends=_WAITS_FOR_A_HUMAN)
    run = play.took(RECOVERY)
    shown = play.views.show(run)
    packet = play.views.packet(shown) or {}
    stage.keep("packet.json", packet)
    intents = sum(e.kind is Kind.INTENT for e in shown.entries)
    stage.found(
        Check(
            "stopped for", "precondition_failed", packet.get("where", {}).get("reason", "nothing"), "packet"
        ),
        Check("writes", "0", str(intents), "ledger"),
        Check(
            f"done to {SERVICE}",
            "nothing",
            ", ".join(world.supervised(SERVICE)[done[SERVICE] :]) or "nothing",
            "supervisord's log",
        ),
    )
    world.start_service(DEPENDENCY)
    stage.gap()
    stage.say(
        f"Somebody brings {DEPENDENCY} back, and lets the run go on, with the line that the packet gives:"
    )
    stage.remit(*_command(packet, "resume"))
    stage.found(
        Check("how the run ended", "completed", play.record(run)["state"], "completion record"),
        Check(
            f"done to {SERVICE}",
            "stopped, spawned",
            ", ".join(world.supervised(SERVICE)[done[SERVICE] :]),
            "supervisord's log",
        ),
        Check(
            f"done to {DEPENDENCY}",
            "spawned",
            ", ".join(world.supervised(DEPENDENCY)[done[DEPENDENCY] :]),
            "supervisord's log: the repair",
        ),
        Check("its health", _OK, str(world.health(SERVICE)), "the service"),
    )


ACTS: Final = (routine, killed, exception)


def _kill_holder(play: Play, asked: "subprocess.Popen[bytes]") -> int:
    """Kill the process whose pid the run's claim names; OtherwiseError where it is not the one we started."""
    code = asked.poll()
    if code is not None:
        raise OtherwiseError(f"remit run exited with {code} before it could be killed")
    claims = [e for e in play.entries(RAISE) if e.kind is Kind.CLAIMED]
    if not claims:
        raise OtherwiseError("nobody holds the run whose request the target should have had by now")
    pid = int(claims[-1].body["pid"])
    if pid != asked.pid:
        raise OtherwiseError(f"the claim names pid {pid}, but pid {asked.pid} was asked to carry the run")
    os.kill(pid, signal.SIGKILL)
    play.household.wait(asked, within_s=_SEEN_WITHIN_S, what="the killed process")
    return pid


def _refusals(entries: Sequence[Entry]) -> list[str]:
    """What supervisord answered to the starts that it refused, as the outcomes have it."""
    outcomes = (e.body for e in entries if e.kind is Kind.OUTCOME and e.body["op"].startswith("start/"))
    return [f"{b['outcome']}, {b['code']}" for b in outcomes if b["outcome"] == "not_applied"]


def _command(packet: dict[str, Any], choice: str) -> list[str]:
    """The words behind ``remit`` of the command line that a packet gives for an option."""
    lines = [o["cli"] for o in packet.get("options", ()) if o["id"] == choice and o["allowed"]]
    if not lines:
        raise OtherwiseError(f"the packet does not allow {choice}")
    return shlex.split(lines[0])[1:]
