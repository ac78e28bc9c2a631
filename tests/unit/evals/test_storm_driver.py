"""The driver of the storm kills for real, at the n-th arrival, and not one instruction later."""

import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import signal, threading
from evals.storm.driver import Points
points = Points()
points.mean("reply:2", lambda: signal.pthread_kill(threading.get_ident(), signal.SIGKILL))
for point in ("reply", "sent", "reply"):
    threading.Thread(target=lambda: (points(point), print("past", point, flush=True))).start()
    while threading.active_count() > 1: pass
"""


def test_it_dies_at_the_second_arrival():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.splitlines() == ["past reply", "past sent"]
