"""A pull from the sandbox into DuckDB, end to end."""

import json
from collections import Counter
from datetime import UTC, datetime

from loader import __version__
from loader.convert import user_columns
from sandbox.server import json_response, running
from tests.loader.conftest import PULL_ID
from tests.loader.helpers import TABLES, graphql, landed_csv, landed_json, variables


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
