"""Whatever Chatfuel does, a pull is whole or it is nothing.

Before each test, the warehouse holds the pull of day 0. On day 2 something goes wrong (``sandbox.faults``): then
the pull equals one that nothing disturbed, or it fails as the test says and the warehouse keeps every byte.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from loader import cli
from loader.warehouse import LEDGER, raw_tables
from sandbox.faults import FAULTS
from sandbox.server import Request, Sandbox, running
from tests.loader.conftest import AS_OF, NOW_AND_QUICKLY, PULL_ID, configure, invoke

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


# The token


@pytest.mark.parametrize("on", ["AttributesQuery", "users", "broadcast_stats"])
def test_a_refused_token_is_final(fault, fails, asked, on):
    fault("401", on=on)
    fails(3, "CHATFUEL_TOKEN")
    assert count(asked, on) == 1


@pytest.mark.parametrize("on", ["AttributesQuery", "users", "broadcast_stats"])
def test_a_login_page_with_200_is_an_expired_token(fault, fails, asked, on):
    fault("login-page", on=on)
    fails(3, "the token has expired")
    assert count(asked, on) == 1


def test_a_graphql_error_may_say_that_the_token_is_wrong(fault, fails):
    fault("graphql-error-code", on="segments")
    fails(3, "CHATFUEL_TOKEN")


# GraphQL


@pytest.mark.parametrize(
    "on",
    ["AttributesQuery", "GenerateUsersDocument", "segments", "GenerateBroadcastDocument", "BlockQuery"],
)
def test_a_graphql_error_in_one_request_is_final(fault, fails, asked, on):
    fault("graphql-error", on=on)
    fails(5, f"{on} with an error: Something broke")
    assert count(asked, on) == 1


@pytest.mark.parametrize("on", ["AttributesQuery", "GenerateUsersDocument", "segments"])
def test_a_graphql_error_beside_data_is_final(fault, fails, asked, on):
    fault("graphql-error-beside-data", on=on)
    fails(5, f"{on} with an error: Something broke")
    assert count(asked, on) == 1


def test_an_export_refused_for_its_many_fields_is_final(fault, fails):
    fault("too-many-fields", after=1)
    fails(5, "too many fields")


# Busy


@pytest.mark.parametrize("name", ["429", "429-date", "500", "502", "503", "504"])
@pytest.mark.parametrize("on", ["segments", "users", "broadcast_stats"])
def test_a_burst_shorter_than_the_attempts_is_outlived(fault, whole, asked, name, on):
    undisturbed = {"segments": 1, "users": 5, "broadcast_stats": 1}[on]
    fault(name, on=on, times=NOW_AND_QUICKLY.attempts - 1, seconds=0)
    whole()
    assert count(asked, on) == undisturbed + NOW_AND_QUICKLY.attempts - 1


def test_a_burst_as_long_as_the_attempts_is_not(fault, fails, asked):
    fault("503", on="segments", times=NOW_AND_QUICKLY.attempts)
    fails(4, "503 to segments")
    assert count(asked, "segments") == NOW_AND_QUICKLY.attempts


def test_one_export_that_cannot_be_had_is_no_pull(fault, fails):
    fault("503", on="users", after=2, times=None)
    fails(4, "503 to download of GenerateUsersDocument")


@pytest.mark.parametrize("name", ["429", "429-date"])
def test_a_retry_after_beyond_the_deadline_is_not_waited_for(fault, fails, asked, name):
    fault(name, on="segments", seconds=3600)
    fails(4, "429 to segments")
    assert count(asked, "segments") == 1


# Slow and silent


def test_slow_answers_are_waited_for(fault, whole, asked):
    fault("slow", seconds=0.1, times=None)
    whole()
    assert count(asked, "users") == 5


def test_a_download_that_trickles_is_waited_for(fault, whole, asked):
    fault("trickle", on="users", seconds=0.005)
    whole()
    assert count(asked, "users") == 5


def test_a_download_that_trickles_ends_at_the_deadline(fault, fails, monkeypatch):
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, deadline=1.5))
    fault("trickle", on="users", seconds=0.2)
    fails(4, "download of GenerateUsersDocument did not end within")


@pytest.mark.parametrize("name", ["stalled", "stalled-midway"])
@pytest.mark.parametrize("on", ["segments", "users"])
def test_a_stalled_connection_is_left_and_asked_anew(fault, whole, asked, monkeypatch, name, on):
    undisturbed = {"segments": 1, "users": 5}[on]
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, read_timeout=1))
    fault(name, on=on)
    whole()
    assert count(asked, on) == undisturbed + 1


def test_a_server_that_never_answered_is_given_up_sooner(fault, fails, asked, monkeypatch):
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, read_timeout=0.1))
    fault("stalled", times=None)
    fails(4, "silent for too long")
    assert count(asked, "AttributesQuery") == NOW_AND_QUICKLY.first_attempts


def test_an_answer_that_stalls_every_time_is_given_up(fault, fails, asked, monkeypatch):
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, read_timeout=0.3))
    fault("stalled-midway", on="AttributesQuery", times=None)
    fails(4, "silent for too long")
    assert count(asked, "AttributesQuery") == NOW_AND_QUICKLY.attempts


# Broken off


@pytest.mark.parametrize("name", ["broken-off", "wrong-length"])
@pytest.mark.parametrize("on", ["AttributesQuery", "scheduled_entries"])
def test_an_answer_that_broke_off_is_asked_for_again(fault, whole, asked, name, on):
    fault(name, on=on)
    whole()
    assert count(asked, on) == 2


@pytest.mark.parametrize("name", ["broken-off", "wrong-length", "expired-document", "gone-document"])
@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_a_download_that_broke_off_or_expired_is_generated_anew(fault, whole, asked, name, on):
    fault(name, on=on)
    whole()
    downloads = [request.path for request in asked if request.path[0] == "export"]
    assert len(downloads) == len(set(downloads)) == 5 + 1 + 1


@pytest.mark.parametrize(
    ("name", "gist"),
    [
        ("broken-off", "the connection broke off"),
        ("wrong-length", "the connection broke off"),
        ("expired-document", "404 to download of GenerateUsersDocument"),
        ("gone-document", "410 to download of GenerateUsersDocument"),
    ],
)
def test_a_download_that_breaks_off_or_expires_every_time_is_given_up(fault, fails, asked, name, gist):
    fault(name, on="users", times=None)
    fails(4, gist)
    assert count(asked, "users") == NOW_AND_QUICKLY.attempts


# Users who are missing


@pytest.mark.parametrize("name", ["cut-at-line-end", "fewer-users", "other-users"])
@pytest.mark.parametrize("after", [0, 1, 3], ids=["users", "first chunk", "last chunk"])
def test_exports_that_disagree_about_the_users_are_refused(fault, fails, name, after):
    fault(name, on="users", after=after)
    fails(7, "not in every export")


def test_less_than_half_of_the_users_is_refused(fault, fails):
    fault("fewer-users", times=None)
    fails(7, "too few to believe")


@pytest.mark.parametrize("times", [1, None], ids=["one", "all"])
def test_exports_without_a_row_are_refused(fault, fails, times):
    fault("no-rows", on="users", times=times)
    fails(7, "is empty")


@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_an_export_without_a_byte_is_an_error(fault, fails, on):
    fault("no-bytes", on=on)
    fails(5, "does not begin with")


# Another CSV


@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_a_missing_column_is_an_error(fault, fails, on):
    fault("missing-column", on=on)
    fails(5, "has no column")


def test_an_attribute_that_vanishes_between_catalogue_and_export_is_an_error(fault, fails):
    fault("vanished-attribute", after=1)
    fails(5, "user_attributes-001.csv.gz has no column")


@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_a_column_that_is_served_twice_is_one(fault, whole, on):
    fault("duplicate-column", on=on)
    whole()


@pytest.mark.parametrize("name", ["short-row", "long-row"])
@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_a_row_of_another_width_than_the_header_is_an_error(fault, fails, name, on):
    fault(name, on=on)
    fails(5, "cells of the header")


def test_a_column_that_nobody_asked_for_is_left_out(fault, whole):
    fault("extra-column", times=None)
    whole()


def test_a_byte_order_mark_is_no_part_of_the_header(fault, whole):
    fault("byte-order-mark", times=None)
    whole()


def test_a_nul_byte_is_part_of_the_value(fault, pull, world, tmp_path):
    fault("nul-byte", on="users", after=1)
    assert pull().exit_code == 0
    tables, undisturbed = read(tmp_path / "warehouse.duckdb"), world.undisturbed
    changed = Counter(tables["user_attributes"]) - Counter(undisturbed["user_attributes"])
    assert [row[-1] for row in changed.elements()] == ["before\0after"]
    others = tables.keys() - {"user_attributes", LEDGER}
    assert {table: tables[table] for table in others} == {table: undisturbed[table] for table in others}


# Afterwards


@pytest.mark.parametrize(
    ("name", "details", "code"),
    [
        ("401", {"on": "users", "after": 2}, 3),
        ("broken-off", {"on": "users", "after": 2, "times": NOW_AND_QUICKLY.attempts}, 4),
        ("short-row", {"on": "users", "after": 2}, 5),
        ("cut-at-line-end", {"on": "users", "after": 2}, 7),
    ],
)
def test_after_a_failure_the_same_command_makes_the_pull_whole(fault, fails, whole, name, details, code):
    fault(name, **details)
    fails(code, "")
    whole()


def test_every_fault_has_a_test():
    tests = Path(__file__).read_text()
    assert [name for name in FAULTS if f'"{name}"' not in tests] == []
