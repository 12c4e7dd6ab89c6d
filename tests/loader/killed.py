"""Runs the loader once for each step, and kills it with SIGKILL before that one of its steps: a file that appears or
goes, a statement.

`python -m tests.loader.killed FOLDER STEP... -- ARGUMENTS...`; each has a folder of its own below FOLDER, and prints how
it ended. With step 0 it is left alone, and the steps are counted on the last line of standard error. Each is a fork.
"""

import os
import signal
import sys
import traceback
from pathlib import Path

import duckdb

# All that a pull imports when it gets there: before the fork, which otherwise takes five times as long.
import filelock  # noqa: F401
import google.cloud.storage  # noqa: F401
import pandas  # noqa: F401 (duckdb and pyarrow use it where there is one)

import loader.bucket  # noqa: F401
import loader.chatfuel  # noqa: F401
import loader.pull  # noqa: F401
import loader.warehouse.duckdb  # noqa: F401
from loader import cli


class Killer:
    """Counts the steps of this process, and kills it before one of them.

    Attributes:
        steps: How many there were.
    """

    def __init__(self, step: int) -> None:
        self.steps = 0
        self._step = step
        for name in ("rename", "replace", "unlink", "remove"):
            setattr(os, name, self._before(getattr(os, name)))
        connection = duckdb.DuckDBPyConnection
        connection.commit = self._before(connection.commit)
        connection.execute = self._before(connection.execute, "loader/warehouse/duckdb.py")

    def _before(self, function, of=""):
        """The function with a step before each of its calls, or of those that come from one file."""

        def stepped(*arguments, **options):
            if sys._getframe(1).f_code.co_filename.endswith(of):
                self.steps += 1
                if self.steps == self._step:
                    os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return stepped


def run(folder: Path, step: int, arguments: list[str]) -> None:
    """Run the loader in this process, and end it."""
    os.environ["CHATFUEL_LANDING"] = str(folder / "landing")
    os.environ["CHATFUEL_DUCKDB_PATH"] = str(folder / "warehouse.duckdb")
    sys.argv = ["loader", *arguments]
    killer = Killer(step)
    try:
        cli.main()
    except SystemExit as end:
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
