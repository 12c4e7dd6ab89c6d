"""Which audiences a pull asks for, and what it records of them."""

import gzip
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from loader.answers import SHAPES, pick
from loader.pull import qualifying
from sandbox.server import json_response
from tests.loader.helpers import graphql, variables

NOW = datetime(2024, 6, 10, 12, tzinfo=UTC)


def entry(title="t", ago=timedelta(days=1), **changes):
    return {
        "id": "e", "block_id": "b", "block_title": title, "enabled": True,
        "broadcast_start_timestamp": int((NOW - ago).timestamp()),
    } | changes  # fmt: skip


def result(title="t", **changes):
    return {"block_title": title, "in_progress": False, "total_users": 10} | changes


@pytest.mark.parametrize(
    ("entries", "stats", "qualifies"),
    [
        ([entry()], [result()], True),
        ([entry(enabled=False)], [result()], False),
        ([entry(ago=timedelta(minutes=59))], [result()], False),
        ([entry(ago=timedelta(hours=1))], [result()], True),
        ([entry(ago=timedelta(days=7))], [result()], True),
        ([entry(ago=timedelta(days=7, seconds=1))], [result()], False),
        ([entry(ago=-timedelta(days=1))], [result()], False),
        ([entry()], [result(in_progress=True)], False),
        ([entry()], [result(total_users=0)], False),
        ([entry()], [result("another")], False),
        ([entry()], [], False),
        ([entry()], [result(in_progress=True), result()], False),
        ([entry()], [result("another"), result()], True),
        ([entry(broadcast_start_timestamp=None)], [result()], False),
        ([{"id": "e", "type": "daily", "enabled": True, "block_title": "t"}], [result()], False),
        ([entry()], [{"broadcast_id": "b"}], False),
    ],
    ids=["final", "disabled", "59 minutes old", "an hour old", "7 days old", "over 7 days old", "not sent yet",
         "in progress", "nobody", "another title", "no result", "newest in progress", "second in the list", "no moment", "another kind of entry", "another kind of result"],
)  # fmt: skip
def test_which_broadcasts_are_asked_for(entries, stats, qualifies):
    entries = pick({"result": entries}, SHAPES["scheduled_entries"], "")[1]
    stats = pick({"result": stats}, SHAPES["broadcast_stats"], "")[1]
    assert qualifying(entries, stats, NOW) == (entries if qualifies else [])


def test_the_clock_of_a_pull_is_its_moment(pull, query, sandbox):
    pull("--as-of", (sandbox.now + timedelta(days=8)).isoformat())
    assert query("select count(*) from block_filters") == [(0,)]
    assert query("select count(*) from broadcast_recipients") == [(0,)]


def test_the_recipients_are_those_whom_the_audience_selects(pull, tamper, folder):
    requests = tamper(lambda request, response: response)
    pull()
    *_, asked = variables(requests, "GenerateUsersDocument")
    (blocks,) = folder.glob("block_filters-*")
    block = json.loads(gzip.decompress(blocks.read_bytes()))["data"]["bot"]["block"]
    assert json.loads(asked["filter"]) == block["user_filter"]
    assert [field["name"] for field in asked["params"]["fields"]] == ["chatfuel user id"]


def test_a_recipient_listed_twice_counts_once(pull, query, tamper):
    def twice(request, response):
        body = b"".join(response.body) if request.path[0] == "export" else b""
        if body.startswith(b"last seen,page id,chatfuel user id\n"):
            header, rows = body.split(b"\n", 1)
            return replace(response, body=header + b"\n" + rows + rows)
        return replace(response, body=body) if body else response

    tamper(twice)
    assert pull().exit_code == 0
    assert query(
        "select count(*) > 0, count(*) = count(distinct chatfuel_user_id) from broadcast_recipients"
    ) == [(True, True)]


def test_what_is_listed_twice_is_one_and_a_contradiction_is_named(pull, query, tamper):
    is_twice = True

    def twice(request, response):
        if not is_twice:
            return response
        if request.path[-1] == "scheduled_entries":
            entries = json.loads(response.body)["result"]
            return json_response(200, {"result": [*entries, *entries, entries[1] | {"type": "another"}]})
        if not graphql(request, "segments"):
            return response
        data = json.loads(response.body)
        segments = data["data"]["bot"]["segments"]
        segments += [segments[0], segments[1] | {"name": "another"}]
        return json_response(200, data)

    requests = tamper(twice)
    result = pull()
    assert result.exit_code == 0, result.output
    assert len(variables(requests, "BlockQuery")) == 1
    is_twice = False
    pull("--as-of", "2024-06-03T08:30:00Z")
    for table in ("scheduled_entries", "segments"):
        first, second = (
            query(
                f"select * exclude (pull_id, pulled_at) from {table} where pull_id = '{pull_id}' order by all"
            )
            for pull_id in ("20240603T073000Z", "20240603T083000Z")
        )
        assert first == second
        (said,) = [line for line in result.stderr.splitlines() if f"{table}.json.gz lists" in line]
        assert said.endswith("twice, with different content: the first is taken.")


def test_a_broadcast_is_asked_for_once(pull, query, tamper):
    pull()
    requests = tamper(lambda request, response: response)
    pull("--as-of", "2024-06-03T08:30:00Z")
    assert variables(requests, "BlockQuery") == []
    assert query("select count(*), count(distinct pull_id) from block_filters") == [(1, 1)]


@pytest.mark.parametrize(
    "change",
    [
        "delete from chatfuel_raw.pulls",
        "update chatfuel_raw.pulls set bot_id = 'x'; update chatfuel_raw.block_filters set bot_id = 'x'",
    ],
    ids=["not committed", "of another bot"],
)
def test_only_what_a_committed_pull_of_the_bot_recorded_is_not_asked_for(pull, tamper, tmp_path, change):
    pull()
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(change)
    # What landed would be loaded first.
    shutil.rmtree(tmp_path / "landing")
    requests = tamper(lambda request, response: response)
    pull("--as-of", "2024-06-03T08:30:00Z")
    assert len(variables(requests, "BlockQuery")) == 1


def test_what_a_pull_that_failed_had_asked_for_is_asked_for_again(pull, query, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(
            "loader.warehouse.duckdb.DuckDBWarehouse._count",
            lambda _, __, table, ___: -1 if table == "segments" else 0,
        )
        assert pull().exit_code == 7
    pull("--as-of", "2024-06-03T08:30:00Z")
    assert query("select pull_id from block_filters") == [("20240603T083000Z",)]


def with_block(change):
    def tampered(request, response):
        if not graphql(request, "BlockQuery"):
            return response
        data = json.loads(response.body)
        data["data"]["bot"]["block"] = change(data["data"]["bot"]["block"])
        return json_response(200, data)

    return tampered


@pytest.mark.parametrize(
    "change",
    [
        lambda block: None,
        lambda block: block | {"removed": True, "user_filter": None},
        lambda block: block | {"user_filter": block["user_filter"] | {"valid": False}},
    ],
    ids=["gone", "removed", "invalid filter"],
)
def test_a_block_without_a_valid_filter_is_recorded_and_not_asked_for_recipients(pull, query, tamper, change):
    blocks = []
    tamper(with_block(lambda block: blocks.append(change(block)) or blocks[-1]))
    assert pull().exit_code == 0
    assert [json.loads(row[0]) for row in query("select payload from block_filters")] == blocks
    assert len(blocks) == 1
    assert query("select count(*) from broadcast_recipients") == [(0,)]


def test_an_audience_without_parameters_is_everyone(pull, query, tamper):
    everyone = {"operation": "and", "valid": True, "parameters": []}
    tamper(with_block(lambda block: block | {"user_filter": everyone}))
    pull()
    recipients = query("select distinct chatfuel_user_id from broadcast_recipients")
    assert set(recipients) == set(query("select chatfuel_user_id from users"))
