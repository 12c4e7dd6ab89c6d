"""A sandbox whose answers can be tampered with, and the loader's command line beside it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import pytest
import requests
from click.testing import CliRunner, Result

from loader import cli
from loader.chatfuel import Patience
from loader.convert import convert
from loader.landing import PullFolder
from loader.warehouse import raw_tables
from sandbox.server import Request, Response, Sandbox, running

ROOT = Path(__file__).parents[2]
AS_OF = "2024-06-03T07:30:00Z"
PULL_ID = "20240603T073000Z"
NOW_AND_QUICKLY = Patience(attempts=3, first_attempts=2, first_wait=0, read_timeout=5, deadline=60)

Tamper = Callable[[Request, Response], Response]


@pytest.fixture(scope="session")
def _sandbox():
    with running(users=120, attributes=60, bot_id="botA,botB") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_sandbox: Sandbox, monkeypatch) -> Sandbox:
    """The sandbox at day 0, with two bots. Never move it: it is shared."""
    # Whatever a test puts in place of this is undone.
    monkeypatch.setattr(_sandbox.application, "respond", _sandbox.application.respond)
    return _sandbox


@pytest.fixture
def tamper(sandbox: Sandbox, monkeypatch) -> Callable[[Tamper], list[Request]]:
    """Return a function that puts itself between the sandbox and the loader; it returns the list of requests."""

    def put(change: Tamper) -> list[Request]:
        requests = []
        respond = sandbox.application.respond

        def tampered(request: Request) -> Response:
            requests.append(request)
            return change(request, respond(request))

        monkeypatch.setattr(sandbox.application, "respond", tampered)
        return requests

    return put


@pytest.fixture
def fault(sandbox: Sandbox) -> Iterator[Callable[..., None]]:
    """Return a function that asks the sandbox for a fault; one that befell no request fails the test."""
    address = f"{sandbox.url}/_sandbox/faults"

    def ask(name: str, **details) -> None:
        answer = requests.post(address, json={"fault": name, **details}, timeout=30)
        assert answer.status_code == 200, answer.text

    yield ask
    pending = requests.get(address, timeout=30).json()["pending"]
    requests.delete(address, timeout=30)
    assert all(one["befell"] for one in pending), pending


def configure(sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Configure nothing but the sandbox's first bot, with landing zone and warehouse below a folder."""
    for name in list(os.environ):
        if name.startswith("CHATFUEL_"):
            monkeypatch.delenv(name)
    settings = {
        "CHATFUEL_TOKEN": sandbox.token,
        "CHATFUEL_BOT_ID": "botA",
        "CHATFUEL_BASE_URL": sandbox.url,
        "CHATFUEL_LANDING": str(folder / "landing"),
        "CHATFUEL_DUCKDB_PATH": str(folder / "warehouse.duckdb"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    return settings


def invoke(*arguments: str) -> Result:
    """Run the loader in this process."""
    result = CliRunner().invoke(cli.cli, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def start(*arguments: str, command: Sequence[str] = ("-m", "loader"), **options) -> subprocess.Popen:
    """Run the loader as a process."""
    return subprocess.Popen(
        [sys.executable, *command, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


@pytest.fixture
def environment(sandbox: Sandbox, tmp_path: Path, monkeypatch) -> dict[str, str]:
    """Nothing but the sandbox's first bot is configured; landing zone and warehouse are below ``tmp_path``."""
    return configure(sandbox, tmp_path, monkeypatch)


@pytest.fixture
def run(environment, monkeypatch) -> Callable[..., Result]:
    """Return a function that runs the loader in this process, without waiting between attempts."""
    monkeypatch.setattr(cli, "PATIENCE", NOW_AND_QUICKLY)
    return invoke


@pytest.fixture
def pull(run) -> Callable[..., Result]:
    """Return a function that pulls, dated ``AS_OF`` unless told otherwise."""
    return lambda *arguments: run(
        "pull", *(arguments if "--as-of" in arguments else ("--as-of", AS_OF, *arguments))
    )


@pytest.fixture
def stalled(environment, tamper) -> Iterator[tuple[subprocess.Popen, threading.Event]]:
    """A pull in a process of its own, and an event: the answer to its first export waits for that."""
    asked, go_on = threading.Event(), threading.Event()

    def stall(request: Request, response: Response) -> Response:
        if request.path[0] == "export":
            asked.set()
            go_on.wait(60)
        return response

    tamper(stall)
    with start("pull", "--as-of", AS_OF) as process:
        try:
            assert asked.wait(30)
            yield process, go_on
        finally:
            go_on.set()


@pytest.fixture
def query(tmp_path: Path) -> Callable[[str], list[tuple]]:
    """Return a function that asks the warehouse; tables without schema are the raw ones."""

    def ask(sql: str) -> list[tuple]:
        with duckdb.connect(tmp_path / "warehouse.duckdb", read_only=True) as connection:
            connection.execute("use chatfuel_raw")
            return connection.execute(sql).fetchall()

    return ask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder where the pull of ``AS_OF`` lands."""
    return tmp_path / "landing" / "botA" / "pull_date=2024-06-03" / PULL_ID


@pytest.fixture
def converted(tmp_path: Path) -> Callable[[PullFolder, str], list[tuple]]:
    """Return a function that converts a pull, and returns the rows of a table without pull columns."""

    def rows(folder: PullFolder, table: str) -> list[tuple]:
        (tmp_path / "work").mkdir(exist_ok=True)
        result = convert(folder, tmp_path / "work")
        files = [str(file) for file in result.files[table]]
        columns = ", ".join(column.name for column in raw_tables()[table].columns)
        query = f"select {columns} from read_parquet({files}, hive_partitioning = false)"
        found = duckdb.sql(query).fetchall()
        assert len(found) == result.rows.get(table, 1)
        return found

    return rows
