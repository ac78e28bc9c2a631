"""``python -m evals.bench``: prints ratios, each from rounds that alternate between the things compared."""

import argparse
import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from evals.bench import desk, peers, remit_steps
from remit.bootstrap import open_app


def measure(rounds: int, many: int) -> dict[str, list[float]]:
    """Milliseconds a step, by what was measured; one figure a round, taken in turn."""
    found: dict[str, list[float]] = {"bare": [], "langgraph": [], "one": [], "many": []}
    with tempfile.TemporaryDirectory(prefix="remit-bench-") as folder:
        base = Path(folder)
        settings = desk.make(base / "desk")
        with open_app(settings) as app, app.engine() as engine:
            remit_steps.work(app, engine, [remit_steps.submit(app, "c999999")], at_once=1)  # warms up
            cell = 0
            for number in range(rounds):
                found["bare"].append(
                    1000 * peers.bare_loop(base / f"b{number}.db", desk.STEPS * 5) / (desk.STEPS * 5)
                )
                found["langgraph"].append(
                    1000 * peers.langgraph(base / f"l{number}.db", desk.STEPS) / desk.STEPS
                )
                runs = [remit_steps.submit(app, f"c{cell + i}") for i in range(2)]
                cell += 2
                found["one"].append(1000 * remit_steps.work(app, engine, runs, at_once=1) / (2 * desk.STEPS))
                runs = [remit_steps.submit(app, f"c{cell + i}") for i in range(many)]
                cell += many
                found["many"].append(
                    1000 * remit_steps.work(app, engine, runs, at_once=many) / (many * desk.STEPS)
                )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=64)
    given = parser.parse_args()
    found = measure(given.rounds, given.many)
    middle = {name: statistics.median(values) for name, values in found.items()}
    table = Table(title="one guarded, verified write step on SQLite FULL, tools that answer at once")
    table.add_column("what")
    for column in ("ms a step (median)", "least", "most", "against", "ratio", "aim"):
        table.add_column(column, justify="right")
    rows = (
        ("two durable commits, bare", "bare", "", None, ""),
        ("remit, one run at a time", "one", "bare loop", middle["one"] / middle["bare"], "at most 3"),
        (
            "LangGraph, SqliteSaver FULL, sync",
            "langgraph",
            "remit",
            middle["langgraph"] / middle["one"],
            "above 1",
        ),
        (
            f"remit, {given.many} runs at once",
            "many",
            "one at a time",
            middle["one"] / middle["many"],
            "at least 5",
        ),
    )
    for what, name, against, ratio, aim in rows:
        values = found[name]
        shown = [f"{x:.2f}" for x in (middle[name], min(values), max(values))]
        table.add_row(what, *shown, against, "" if ratio is None else f"{ratio:.2f}", aim)
    Console().print(table)


if __name__ == "__main__":
    main()
