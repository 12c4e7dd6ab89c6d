"""Runs the loader once for each step, and kills it with SIGKILL before that one of its steps: a file that appears or
goes, a statement.

`python -m tests.loader.killed FOLDER STEP... -- ARGUMENTS...`; each has a folder of its own below FOLDER, and prints how
it ended. With step 0 it is left alone, and the steps are counted on the last line of standard error. Each is a fork, which
saves the second that the imports take.
"""

import os
import signal
import sys
import traceback
from pathlib import Path

# All that a pull needs is there before the fork.
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
        # Where it is called from is looked at last: there are millions of calls.
        if name in STEPS or (
            name == "execute" and frame.f_code.co_filename.endswith("loader/warehouse/duckdb.py")
        ):
            self.steps += 1
            if self.steps == self._step:
                os.kill(os.getpid(), signal.SIGKILL)


def run(folder: Path, step: int, arguments: list[str]) -> None:
    """Run the loader in this process, and end it."""
    os.environ["CHATFUEL_LANDING"] = str(folder / "landing")
    os.environ["CHATFUEL_DUCKDB_PATH"] = str(folder / "warehouse.duckdb")
    sys.argv = ["loader", *arguments]
    killer = Killer(step)
    sys.setprofile(killer)
    try:
        cli.main()
    except SystemExit as end:
        sys.setprofile(None)
        print(killer.steps, file=sys.stderr, flush=True)
        os._exit(int(end.code or 0))
    except BaseException:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    split = sys.argv.index("--")
    for text in sys.argv[2:split]:
        pid = os.fork()
        if not pid:
            run(Path(sys.argv[1]) / f"step_{text}", int(text), sys.argv[split + 1 :])
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
