"""Runs what is measured, each thing in a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import Any

ROOT = Path(__file__).parents[1]


class StepError(Exception):
    """A measured process failed; the message is the end of what it said."""


@dataclass
class Measured:
    """What a process cost.

    Attributes:
        seconds: From its start to its end, or of the function it called.
        cpu_seconds: Of all its cores, from its start to its end; a busy machine hardly alters these.
        peak_bytes: The most memory it ever held; never less than ours when it began, so we stay small.
        result: What the function returned.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def record(self) -> dict[str, Any]:
        """All of it in one."""
        costs = asdict(self)
        return costs | costs.pop("result")


def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    most_bytes: int | None = None,
    most_seconds: float = 24 * 3600,
) -> tuple[Measured, str]:
    """Run a command, and return its cost and what it printed.

    Args:
        command: The command.
        environment: What it finds in its environment beside ours, but for settings of the loader and of dbt.
        most_bytes: Address space that it may have; beyond, it fails, and nothing else on the machine does.
        most_seconds: After which it is killed.

    Raises:
        StepError: It failed, or was killed.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CHATFUEL_", "DBT_"))}
    started = monotonic()
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=ROOT,
        env=ours | dict(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if most_bytes:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (most_bytes, most_bytes))
    timer = Timer(most_seconds, process.kill)
    timer.start()
    output = process.stdout.read()
    # wait4, because only it tells the memory of this child alone
    _, status, usage = os.wait4(process.pid, 0)
    seconds = monotonic() - started
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        reason = f"killed after {seconds:.0f} s" if process.returncode == -9 else output[-2000:]
        raise StepError(f"{' '.join(command)[:200]}: {reason}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024), output


def call(function: str, *arguments: Any, python: str | Path = sys.executable, **limits: Any) -> Measured:
    """Call a function in a process of its own; its imports are not counted in the seconds.

    Args:
        function: As ``benchmarks.data:write_pulls``; it returns a dict, or nothing.
        *arguments: What JSON can hold.
        python: The interpreter.
        **limits: ``most_bytes`` and ``most_seconds`` of ``run``.
    """
    command = [str(python), "-m", "benchmarks.measure", function, json.dumps(arguments)]
    measured, output = run(command, **limits)
    answer = json.loads(output.splitlines()[-1])
    return replace(measured, seconds=answer["seconds"], result=answer["result"])


def main() -> None:
    """Be that process."""
    module, name = sys.argv[1].split(":")
    function = getattr(importlib.import_module(module), name)
    started = monotonic()
    result = function(*json.loads(sys.argv[2]))
    print(f"\n{json.dumps({'seconds': monotonic() - started, 'result': result or {}})}")


if __name__ == "__main__":
    main()
