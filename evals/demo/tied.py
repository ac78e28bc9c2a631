"""How a process is tied to the demo: ``python tied.py PARENT COMMAND...`` is COMMAND, and ends with PARENT.

Where the demo itself is killed it can end nothing any more; the kernel then tells what it has started.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == int(sys.argv[1]):  # else the parent had ended before the kernel was told
        os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - a fixed command of the demo's own
