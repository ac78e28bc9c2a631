"""Runs of remit, driven by the real graph, gateway and ledger: seconds for all of them together."""

import time
from concurrent.futures import ThreadPoolExecutor

from ulid import ULID

from policies.admission import Admitted, Asked, Facts, admit
from remit.bootstrap import App
from remit.worker.engine import Engine
from state import bodies
from state.holder import extend
from state.ledger.port import Append
from state.projection import row_of
from state.task import Task


def submit(app: App, cell: str, runbook: str = "cells@1") -> str:
    """Admit one run; its id."""
    view = app.policies.now()
    people = view.people()
    assert people is not None
    asked = Asked(requester="bench", source="bench", inputs={"cell": cell})
    verdict = admit(asked, policy=view.policy(runbook), people=people, facts=Facts(at=app.ledger.now()))
    assert isinstance(verdict, Admitted), verdict
    empty = Task(run=str(ULID()))
    drafts = [
        bodies.requested(
            actor="bench", by="bench", source="bench", ref="", delivery=None, text=None, criteria=[]
        ),
        bodies.admitted(actor="bench", **verdict.terms),
    ]
    task, entries = extend(empty, drafts, at=app.ledger.now(), epoch=0, code="bench")
    app.ledger.create(Append(run=empty.run, epoch=0, head=empty.head, entries=entries, row=row_of(task)))
    return empty.run


def work(app: App, engine: Engine, runs: list[str], *, at_once: int) -> float:
    """Drive ``runs``, ``at_once`` at a time; seconds."""
    began = time.perf_counter()
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        ends = list(pool.map(engine.work, runs))
    took = time.perf_counter() - began
    assert all(task is not None and task.closed == "completed" for task in ends)
    del app
    return took
