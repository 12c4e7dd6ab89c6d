"""A pull from the sandbox into DuckDB, end to end."""

import csv
import gzip
import io
import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import msgspec
import pytest

from loader import __version__
from loader.answers import BroadcastResult, Entry
from loader.convert import user_columns
from loader.pull import qualifying
from sandbox.server import json_response, running
from tests.loader.conftest import PULL_ID

TABLES = (
    "attributes", "users", "user_attributes", "segments", "broadcasts", "scheduled_entries", "broadcast_stats",
    "block_filters", "broadcast_recipients",
)  # fmt: skip


def landed_json(folder, name):
    return json.loads(gzip.decompress((folder / f"{name}.json.gz").read_bytes()))


def landed_csv(folder, name):
    text = gzip.decompress((folder / f"{name}.csv.gz").read_bytes()).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def variables(requests, operation):
    bodies = [json.loads(request.body) for request in requests if request.path[0] == "graphql"]
    return [body["variables"] for body in bodies if body["operationName"] == operation]


def graphql(request, operation):
    return request.query.get("opName") == operation


def test_everything_served_is_in_the_warehouse(pull, query, folder):
    assert pull().exit_code == 0

    catalogue = landed_json(folder, "attributes")["data"]["bot"]["variableSuggest"]
    assert query("select attribute_name, attribute_type from attributes") == [
        (row["name"], row["type"]) for row in catalogue
    ]
    users = landed_csv(folder, "users")
    fields = list(users[0])
    columns = ", ".join(field.replace(" ", "_") for field in fields)
    assert query(f"select {columns} from users") == [tuple(row[f] or None for f in fields) for row in users]

    cells = Counter()
    names = {row["name"] for row in catalogue}
    for row in [*users, *landed_csv(folder, "user_attributes-001")]:
        cells.update((row["chatfuel user id"], name, row[name]) for name in names & row.keys() if row[name])
    cells = Counter(set(cells))
    assert (
        Counter(query("select chatfuel_user_id, attribute_name, attribute_value from user_attributes"))
        == cells
    )

    segments = landed_json(folder, "segments")["data"]["bot"]["segments"]
    assert query("select segment_id, segment_name from segments") == [(s["id"], s["name"]) for s in segments]
    broadcasts = landed_csv(folder, "broadcasts")
    listed = query(
        "select * exclude (pull_id, pull_date, pulled_at, bot_id) from broadcasts order by row_number"
    )
    assert listed == [(i, *row.values()) for i, row in enumerate(broadcasts, start=1)]
    for table, key in (("scheduled_entries", "broadcast_id"), ("broadcast_stats", "row_number")):
        payloads = [json.loads(row[0]) for row in query(f"select payload from {table} order by {key}")]
        served = landed_json(folder, table)["result"]
        assert payloads == (
            sorted(served, key=lambda row: row["id"]) if table == "scheduled_entries" else served
        )
    (block,) = query("select broadcast_id, block_id, payload from block_filters")
    assert json.loads(block[2]) == landed_json(folder, f"block_filters-{block[0]}")["data"]["bot"]["block"]
    recipients = landed_csv(folder, f"broadcast_recipients-{block[0]}")
    assert {row["chatfuel user id"] for row in recipients} == {
        row[0]
        for row in query(
            f"select chatfuel_user_id from broadcast_recipients where broadcast_id = '{block[0]}'"
        )
    }


def test_attributes_include_the_system_ones_and_the_users_own_id(pull, query):
    pull()
    (users,) = query("select count(*) from users")[0]
    for name in ("chatfuel user id", "signed up", "last seen"):
        assert query(f"select count(*) from user_attributes where attribute_name = '{name}'") == [(users,)]


def test_every_row_carries_the_pull(pull, query):
    pull()
    moment = datetime(2024, 6, 3, 7, 30)
    for table in (*TABLES, "pulls"):
        assert query(f"select distinct pull_id, pull_date, pulled_at, bot_id from {table}") == [
            (PULL_ID, moment.date(), moment, "botA")
        ], table


def test_the_ledger_row_counts_what_the_tables_hold(pull, query):
    pull()
    counts = [query(f"select count(*) from {table}")[0][0] for table in TABLES]
    columns = ", ".join(f"{table}_rows" for table in TABLES)
    assert query(f"select source, loader_version, {columns} from pulls") == [("api", __version__, *counts)]
    assert min(counts) > 0


def test_the_result_is_a_table_on_standard_output(pull):
    result = pull()
    assert "user_attributes" in result.stdout
    assert PULL_ID in result.stdout
    assert result.stderr == ""


def test_a_pull_is_dated_in_utc(pull, query):
    pull("--as-of", "2024-06-03T00:30:00-07:00")
    assert query("select pull_id from pulls") == [(PULL_ID,)]


def test_a_pull_without_a_moment_is_dated_now(run, query):
    before = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    run("pull")
    assert before <= query("select pulled_at from pulls")[0][0] <= datetime.now(UTC).replace(tzinfo=None)


def test_exports_have_at_most_1500_fields_and_together_all_attributes(pull, query, folder, monkeypatch):
    with running(users=20, attributes=3100, bot_id="botA") as big:
        monkeypatch.setenv("CHATFUEL_BASE_URL", big.url)
        assert pull().exit_code == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    chunks = [file["fields"] for file in manifest["files"] if file["table"] == "user_attributes"]
    asked = [name for chunk in chunks for name in chunk[1:]]
    names = {name for (name,) in query("select attribute_name from attributes")}
    assert [len(chunk) for chunk in chunks] == [1500, 1500, len(asked) - 2 * 1499 + 1]
    assert {chunk[0] for chunk in chunks} == {"chatfuel user id"}
    # The users export has the rest.
    assert sorted(asked) == sorted(names - {*user_columns()})
    served = Counter()
    for number in (1, 2, 3):
        rows = landed_csv(folder, f"user_attributes-00{number}")
        served.update(name for row in rows for name, value in row.items() if value and name in asked)
    users = landed_csv(folder, "users")
    served.update(name for row in users for name, value in row.items() if value and name in names)
    found = query("select attribute_name, count(*) from user_attributes group by attribute_name")
    assert dict(found) == served


def test_what_always_comes_is_never_asked_for(pull, tamper):
    requests = tamper(lambda request, response: response)
    pull()
    for asked in variables(requests, "GenerateUsersDocument"):
        names = [field["name"] for field in asked["params"]["fields"]]
        assert not {"last seen", "page id"} & set(names)
        assert len(names) == len(set(names))


def test_everyone_is_exported_whatever_the_status(pull, tamper):
    requests = tamper(lambda request, response: response)
    pull()
    filters = [json.loads(asked["filter"]) for asked in variables(requests, "GenerateUsersDocument")]
    assert filters[:2] == [{"operation": "or", "parameters": []}] * 2


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
    entries, stats = msgspec.convert(entries, list[Entry]), msgspec.convert(stats, list[BroadcastResult])
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
        patch.setattr("loader.warehouse.duckdb._count", lambda _, table, __: -1 if table == "segments" else 0)
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


def test_the_second_time_a_pull_is_already_there(pull, query, tamper):
    pull()
    before = [query(f"from {table} order by all") for table in (*TABLES, "pulls")]
    requests = tamper(lambda request, response: response)
    again = pull()
    assert (again.exit_code, requests) == (0, [])
    assert "already there" in again.stdout
    assert [query(f"from {table} order by all") for table in (*TABLES, "pulls")] == before


def test_two_bots_may_share_a_moment(pull, query, monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botA,botB")
    assert pull().exit_code == 0
    assert query("select bot_id, pull_id from pulls") == [("botA", PULL_ID), ("botB", PULL_ID)]
    for table in ("users", "user_attributes", "block_filters"):
        assert len(query(f"select bot_id from {table} group by bot_id")) == 2


def test_one_bot_that_fails_does_not_stop_the_others_and_the_exit_code_says_so(pull, query, monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", "nobody,botA")
    result = pull()
    assert result.exit_code == 2
    assert "Bot nobody" in result.stderr
    assert query("select bot_id from pulls") == [("botA",)]


def test_the_exit_code_is_that_of_the_first_failure(pull, tamper, monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", "nobody,botA")
    error = json_response(200, {"errors": [{"message": "no"}]})
    tamper(lambda request, response: error if graphql(request, "segments") else response)
    result = pull()
    assert result.exit_code == 2
    assert "Bot botA: Chatfuel answered segments" in result.stderr


def test_a_halved_export_is_let_through_on_demand(pull, query, fault):
    pull()
    fault("fewer-users", times=None)
    assert pull("--as-of", "2024-06-04T07:30:00Z", "--min-users-ratio", "0.3").exit_code == 0
    assert len(query("from pulls")) == 2


def test_the_pull_before_is_of_the_same_bot_and_earlier(pull, fault, monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botB")
    pull()
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botA")
    pull("--as-of", "2024-06-05T07:30:00Z")
    fault("fewer-users", times=None)
    assert pull("--as-of", "2024-06-04T07:30:00Z").exit_code == 0


def test_a_refused_pull_can_be_loaded_from_the_landing_zone(pull, run, query, fault):
    pull()
    fault("fewer-users", times=None)
    pull("--as-of", "2024-06-04T07:30:00Z")
    assert run("reload", "20240604T073000Z").exit_code == 7
    assert run("reload", "20240604T073000Z", "--min-users-ratio", "0").exit_code == 0
    assert len(query("from pulls")) == 2


def test_counts_in_the_warehouse_must_equal_counts_landed(pull, query, monkeypatch):
    pull()
    monkeypatch.setattr("loader.warehouse.duckdb._count", lambda _, table, __: 0 if table == "pulls" else -1)
    result = pull("--as-of", "2024-06-04T07:30:00Z")
    assert result.exit_code == 7
    assert "attributes has -1 rows" in result.stderr
    assert query("select pull_id from pulls") == [(PULL_ID,)]


def test_a_pull_that_landed_is_loaded_without_asking_again(pull, query, tamper, tmp_path):
    pull()
    (tmp_path / "warehouse.duckdb").unlink()
    requests = tamper(lambda request, response: response)
    assert pull().exit_code == 0
    assert requests == []
    assert query("select pull_id from pulls") == [(PULL_ID,)]


def test_a_pull_that_broke_off_is_fetched_afresh(pull, query, folder):
    pull_file = folder / "left-over.csv.gz"
    pull_file.parent.mkdir(parents=True)
    pull_file.write_bytes(b"half")
    assert pull().exit_code == 0
    assert not pull_file.exists()


def test_a_catalogue_without_attributes_is_no_pull(pull, tamper, tmp_path):
    empty = json_response(200, {"data": {"bot": {"variableSuggest": []}}})
    tamper(lambda request, response: empty if graphql(request, "AttributesQuery") else response)
    assert pull().exit_code == 5
    assert list(tmp_path.iterdir()) == []


def test_a_landing_zone_that_cannot_be_written_is_told(pull, tmp_path):
    (tmp_path / "landing").write_text("a file")
    result = pull()
    assert result.exit_code == 2
    assert "CHATFUEL_LANDING" in result.stderr
    assert result.stderr.count("\n") == 1


def test_nothing_is_left_beside_the_landed_files(pull, folder):
    pull()
    assert [path.name for path in folder.parent.iterdir()] == [PULL_ID]
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_warehouse_that_another_program_holds_open_is_told(pull, environment, tmp_path):
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "warehouse.duckdb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        result = pull()
        other.stdin.close()
    assert result.exit_code == 6
    assert "another program has it open" in result.stderr
    assert result.stderr.count("\n") == 1


def test_reload_fills_an_empty_warehouse_and_then_has_nothing_to_do(pull, run, query, tmp_path):
    pull()
    before = [query(f"from {table} order by all") for table in (*TABLES, "pulls")]
    (tmp_path / "warehouse.duckdb").unlink()
    assert run("reload", PULL_ID).exit_code == 0
    assert [query(f"from {table} order by all") for table in (*TABLES, "pulls")] == before
    again = run("reload", PULL_ID)
    assert (again.exit_code, "already there" in again.stdout) == (0, True)


def test_reload_needs_neither_token_nor_bot(pull, run, tmp_path, monkeypatch):
    pull()
    (tmp_path / "warehouse.duckdb").unlink()
    monkeypatch.delenv("CHATFUEL_TOKEN")
    monkeypatch.delenv("CHATFUEL_BOT_ID")
    assert run("reload", PULL_ID).exit_code == 0


def test_reload_finds_a_damaged_file(pull, run, folder, tmp_path):
    pull()
    (tmp_path / "warehouse.duckdb").unlink()
    (folder / "segments.json.gz").write_bytes(gzip.compress(b"{}"))
    result = run("reload", PULL_ID)
    assert result.exit_code == 7
    assert "segments.json.gz is damaged" in result.stderr
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_reload_of_a_pull_that_never_landed_says_so(run):
    result = run("reload", PULL_ID)
    assert result.exit_code == 2
    assert PULL_ID in result.stderr


def test_pulls_lists_the_ledger(pull, run):
    assert PULL_ID not in run("pulls").stdout
    pull()
    assert PULL_ID in run("pulls").stdout


def test_check_writes_nothing(run, tmp_path):
    result = run("check")
    assert result.exit_code == 0
    assert "ok  bot botA" in result.stdout
    assert list(tmp_path.iterdir()) == []
