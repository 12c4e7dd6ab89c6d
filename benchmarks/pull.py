"""Part 2: a whole pull over HTTP, from the sandbox to the warehouse, and where its time goes."""

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
from loader.landing import Landing, Pull, PullFolder

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


def parts(url: str, folder: str) -> dict[str, float]:
    """Time what the server and the network take alone: the users exports, read and thrown away; then land a pull."""
    from loader.pull import fetch, plan

    class Nowhere:
        def write(self, data: bytes) -> None:
            counted[0] += len(data)

    @contextmanager
    def nowhere() -> Iterator[Nowhere]:
        yield Nowhere()

    counted = [0]
    landed, client = _folder(folder), _client(url)
    seconds: dict[str, float] = {}
    chunks = plan(client, landed.pull, ()).chunks
    started = monotonic()
    for chunk in chunks:
        client.download_users(BOT_ID, chunk, nowhere)
    seconds["exports"] = monotonic() - started
    fetch(client, landed, ())
    client.close()
    size = sum(path.stat().st_size for path in landed.path.iterdir())
    return {**seconds, "csv_bytes": counted[0], "landed_bytes": size}


def whole(url: str, folder: str) -> dict[str, float]:
    """Pull as the loader does."""
    from loader.convert import convert
    from loader.pull import fetch
    from loader.warehouse.duckdb import DuckDBWarehouse

    landed, client = _folder(folder), _client(url)
    seconds: dict[str, float] = {}
    started = monotonic()
    fetch(client, landed, ())
    client.close()
    seconds["fetch"] = monotonic() - started
    with landed.workspace() as workdir:
        started = monotonic()
        converted = convert(landed, workdir)
        seconds["convert"] = monotonic() - started
        started = monotonic()
        DuckDBWarehouse(Path(f"{folder}.duckdb")).write(landed.pull, converted)
        seconds["load"] = monotonic() - started
    return {**seconds, "users": converted.rows["users"], "values": converted.rows["user_attributes"]}


def _folder(folder: str) -> PullFolder:
    return Landing(Path(folder)).folder(Pull(BOT_ID, datetime(2024, 6, 3, 7, 30, tzinfo=UTC)))


def _client(url: str) -> Chatfuel:
    return Chatfuel(url, TOKEN, Patience())
