"""A whole pull over HTTP, from the sandbox to the warehouse, and where its time goes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from benchmarks.measure import ROOT
from loader.chatfuel import Chatfuel, Patience
from loader.landing import Landing, Pull

TOKEN = "sandbox-token"  # noqa: S105
BOT_ID = "600f453faf2bc20a69e725f9"


@contextmanager
def sandbox(users: int, attributes: int) -> Iterator[str]:
    """Run a sandbox in a process of its own; yield its address."""
    command = [sys.executable, "-m", "sandbox", "--users", str(users), "--attributes", str(attributes)]
    process = subprocess.Popen(  # noqa: S603
        [*command, "--document-seconds", "3600"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        yield re.search(r"http://\S+", process.stdout.readline()).group()
    finally:
        process.terminate()
        process.wait()


def whole(url: str, folder: str) -> dict[str, float]:
    """Pull as the loader does; return the seconds of each step, and what came."""
    from loader.convert import convert
    from loader.pull import fetch
    from loader.warehouse.duckdb import DuckDBWarehouse

    landed = Landing(Path(folder)).folder(Pull(BOT_ID, datetime(2024, 6, 3, 7, 30, tzinfo=UTC)))
    client = Chatfuel(url, TOKEN, Patience())
    moments = [monotonic()]
    fetch(client, landed, ())
    client.close()
    moments.append(monotonic())
    with landed.workspace() as workdir:
        converted = convert(landed, workdir)
        moments.append(monotonic())
        DuckDBWarehouse(Path(f"{folder}.duckdb")).write(landed.pull, converted)
        moments.append(monotonic())
    steps = zip(("fetch", "convert", "load"), moments, moments[1:], strict=False)
    seconds = {step: after - before for step, before, after in steps}
    return {**seconds, "users": converted.rows["users"], "values": converted.rows["user_attributes"]}
