"""Whatever Chatfuel does, a pull is whole or it is nothing.

Before each test, the warehouse holds the pull of day 0. On day 2 something goes wrong (``sandbox.faults``): then
the pull equals one that nothing disturbed, or it fails as the test says and the warehouse keeps every byte.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from loader.warehouse import LEDGER, raw_tables
from sandbox.server import Request, Sandbox, running
from tests.loader.conftest import AS_OF, PULL_ID, configure, invoke

DAY_2 = ("pull", "--as-of", "2024-06-05T07:30:00Z")
# So that the attributes of a small bot take three exports.
MOST_FIELDS = 31

Tables = dict[str, list[tuple]]


class World(NamedTuple):
    """The sandbox on day 2; a folder with landing zone and warehouse of day 0; the tables of both days."""

    sandbox: Sandbox
    before: Path
    undisturbed: Tables


def read(warehouse: Path) -> Tables:
    with duckdb.connect(warehouse, read_only=True) as connection:
        return {
            table: connection.execute(f"from chatfuel_raw.{table} order by all").fetchall()
            for table in raw_tables()
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    work, before = tmp_path_factory.mktemp("undisturbed"), tmp_path_factory.mktemp("before") / "day 0"
    with running(users=120, attributes=60, bot_id="botA") as sandbox, pytest.MonkeyPatch.context() as patch:
        configure(sandbox, work, patch)
        patch.setattr("loader.pull.MOST_FIELDS", MOST_FIELDS)
        assert invoke("pull", "--as-of", AS_OF).exit_code == 0
        shutil.copytree(work, before)
        sandbox.move_to(2)
        assert invoke(*DAY_2).exit_code == 0
        patch.undo()
        yield World(sandbox, before, read(work / "warehouse.duckdb"))


@pytest.fixture
def sandbox(world, monkeypatch) -> Sandbox:
    monkeypatch.setattr(world.sandbox.application, "respond", world.sandbox.application.respond)
    return world.sandbox


@pytest.fixture
def asked(tamper) -> list[Request]:
    """The requests of the loader; and of this test, whose path begins with ``_sandbox``."""
    return tamper(lambda request, response: response)


@pytest.fixture
def pull(run, world, asked, tmp_path, monkeypatch):
    """Return a function that pulls on day 2, and sees to it that no secret is told or noted."""
    shutil.copytree(world.before, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr("loader.pull.MOST_FIELDS", MOST_FIELDS)

    def pull_day_2():
        result = run(*DAY_2)
        notes = [path.read_text() for kind in ("json", "txt") for path in tmp_path.rglob(f"*.{kind}")]
        addresses = ["/".join(request.path) for request in asked if request.path[0] == "export"]
        for secret in (world.sandbox.token, *addresses):
            assert secret not in "\n".join([result.output, *notes])
        return result

    return pull_day_2


@pytest.fixture
def whole(pull, world, tmp_path):
    """Return a function that pulls and finds the tables as if nothing had happened."""

    def check():
        result = pull()
        assert result.exit_code == 0, result.output
        assert read(tmp_path / "warehouse.duckdb") == world.undisturbed

    return check


@pytest.fixture
def fails(pull, query, tmp_path):
    """Return a function that pulls, and finds one error, its exit code, and nothing changed in the warehouse."""

    def warehouse() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in tmp_path.glob("warehouse*")}

    def check(code: int, gist: str):
        before = warehouse()
        result = pull()
        assert result.exit_code == code, result.output
        (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert gist in error
        assert warehouse() == before
        assert query(f"select pull_id from {LEDGER}") == [(PULL_ID,)]

    return check


def count(asked: list[Request], name: str) -> int:
    return sum(name in (*request.path, request.query.get("opName")) for request in asked)
