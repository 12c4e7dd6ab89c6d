"""Runs the loader, and kills it with SIGKILL before one of its steps: a file that appears or goes, a statement.

`python -m tests.loader.killed STEP ARGUMENTS...`; with step 0 it is left alone, and the steps are counted on the
last line of standard error.
"""

import os
import signal
import sys
from pathlib import Path

from loader import cli

STEPS = {"rename", "unlink", "commit"}


class Killer:
    """A profiler: Python tells it every call of a built-in function.

    Attributes:
        steps: How many there were.
    """

    def __init__(self, step: int) -> None:
        self.steps = 0
        self._step = step

    def __call__(self, frame, event, function) -> None:
        """Kill the process if this is the step."""
        if event != "c_call":
            return
        name = getattr(function, "__name__", "")
        in_warehouse = Path(frame.f_code.co_filename).parts[-2:] == ("warehouse", "duckdb.py")
        if name in STEPS or (name == "execute" and in_warehouse):
            self.steps += 1
            if self.steps == self._step:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    killer = Killer(int(sys.argv.pop(1)))
    sys.setprofile(killer)
    try:
        cli.main()
    finally:
        sys.setprofile(None)
        print(killer.steps, file=sys.stderr)
