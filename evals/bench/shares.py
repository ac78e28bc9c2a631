"""Where the processor time of a step goes: samples of one run after another, sorted by the part at work.

A sample belongs to the innermost part on its stack, so that a digest made for a guard counts as the guard's.
"""

import signal
import time
from collections import Counter
from types import FrameType
from typing import Final

from rich.table import Table

from evals.bench import desk, remit_steps
from remit.bootstrap import App
from remit.worker.engine import Engine

RUNS: Final = 40
EVERY_S: Final = 0.001
# (folder and file, qualified name or nothing for all of it) -> part
_PARTS: Final = {
    ("sql/sqlite.py", "SqliteWriter.commit"): "the commit itself: SQLite, kernel, disk",
    ("sql/writer.py", ""): "the rest of the append's transaction",
    ("sql/store.py", "SqlLedger._store"): "the rest of the append's transaction",
    ("state/holder.py", "extend"): "making entries: canonical JSON, hash, fold",
    ("guards/table.py", "walk"): "guards",
    ("moves/table.py", "next_move"): "decision table",
    ("graph/session.py", "Session.moment"): "a look at signals, stops and holds",
    ("graph/session.py", "Session.guard_context"): "guards",
    ("tools/patience.py", "call_within"): "handing a call to its thread and back",
    ("tools/reply_bounds.py", "bounded"): "making replies fit: shape, scrubber",
    ("tools/gateway.py", ""): "the rest of the gateway",
    ("agents/verifier.py", ""): "the rest of the verifier",
    ("nodes/execute.py", ""): "the rest of the nodes",
    ("nodes/verify.py", ""): "the rest of the nodes",
    ("pregel/main.py", "Pregel.invoke"): "LangGraph",
    ("worker/engine.py", "Engine.work"): "what a run costs once",
}


def table(app: App, engine: Engine) -> Table:
    """Carry runs one by one and sort what they did."""
    parts, made = Counter[str](), Table(title="processor time of a step, one run at a time")

    def sample(number: int, frame: FrameType | None) -> None:
        del number
        parts[_part(frame)] += 1

    remit_steps.work(app, engine, [remit_steps.submit(app, "c999999")], at_once=1)
    runs = [remit_steps.submit(app, f"c{number}") for number in range(RUNS)]
    before = signal.signal(signal.SIGPROF, sample)
    began = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    try:
        for run in runs:
            engine.work(run)  # here, because a signal is handled by the main thread
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    a_step_ms = 1000 * (time.process_time() - began) / (RUNS * desk.STEPS)
    made.add_column("part")
    made.add_column("ms", justify="right")
    made.add_column("share", justify="right")
    for part, samples in parts.most_common():
        share = samples / parts.total()
        made.add_row(part, f"{a_step_ms * share:.2f}", f"{share:.0%}")
    made.add_row("together", f"{a_step_ms:.2f}", "")
    return made


def _part(frame: FrameType | None) -> str:
    while frame is not None:
        code = frame.f_code
        file = "/".join(code.co_filename.split("/")[-2:])
        for name in (code.co_qualname, ""):
            if part := _PARTS.get((file, name)):
                return part
        frame = frame.f_back
    return "other"
