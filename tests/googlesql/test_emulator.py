"""The same days on the emulator, through the real client and adapter, and on DuckDB: the same rows."""

from __future__ import annotations

import json
import threading

import pytest

from tests.emulator.compare import comparable, difference, relations
from tests.googlesql.conftest import DATASET
from tests.pipeline.bots import RAW_SCHEMA
from tests.pipeline.project import Project

# on one worker: the builds are the expensive part
pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("bigquery")]


def test_day_by_day_and_in_a_clump_every_table_has_the_rows_of_duckdb(builds):
    tables = builds.on_bigquery.tables()
    assert len(tables) > 15
    for name, rows in tables.items():
        expected = builds.clump.rows[name]
        assert comparable(rows) == comparable(expected), f"{name}: {difference(rows, expected, 'BigQuery')}"


def test_a_second_build_changes_nothing(builds):
    before = builds.on_bigquery.tables()
    builds.on_bigquery.build("--exclude-resource-type", "test")
    after = builds.on_bigquery.tables()
    assert {name: comparable(rows) for name, rows in after.items()} == {
        name: comparable(rows) for name, rows in before.items()
    }


def test_of_two_builds_that_do_a_step_at_once_one_wins(builds):
    """The last step of the events, done again by two clients at the same time; the rows are as before."""
    node = "model.chatfuel.fct_chatfuel__user_events"
    script = [sent for sent_by, sent in builds.clump.sent if sent_by == node and "begin transaction" in sent][
        -1
    ]
    client = builds.on_bigquery.client
    table = f"{DATASET}.fct_chatfuel__user_events"
    before = builds.on_bigquery.tables()
    first = min(
        row["pulled_at"]
        for row in builds.on_bigquery.query(f"select pulled_at from {table}__steps where bot_id <> ''")
    )
    run = lambda sql: client.query(sql, retry=None, job_retry=None).result(retry=None, timeout=60)  # noqa: E731
    run(f"delete from {table} where observed_at > timestamp '{first}'")
    run(f"delete from {table}__steps where pulled_at > timestamp '{first}'")
    errors = []

    def build():
        try:
            run(script)
        except Exception as error:
            errors.append(str(error))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 1, errors
    after = builds.on_bigquery.tables()
    for name in ("chatfuel.fct_chatfuel__user_events", "chatfuel.fct_chatfuel__user_events__steps"):
        assert comparable(after[name]) == comparable(before[name]), errors


def test_a_person_is_forgotten_on_both_warehouses(builds, analysed):
    """The last of this file: it alters what the others look at."""
    person = json.dumps({"user_id": "1", "bot_id": "recipients_that_come_later"})
    on_duckdb = Project(builds.on_bigquery.path, builds.on_bigquery.target_path)
    for project in (on_duckdb, builds.on_bigquery):
        project.dbt("run-operation", "forget_user", "--args", person)
    # the oracle knows no INFORMATION_SCHEMA; what is asked and altered there is no table of ours
    sent = [(node, sql) for node, sql in builds.on_bigquery.sent if "INFORMATION_SCHEMA" not in sql]
    assert sum("delete from" in sql for _, sql in sent) > 5
    assert sum("update" in sql for _, sql in sent) == 4
    for node, statement in sent:
        builds.oracle.analyse(node or "forget_user", statement)
    expected = relations(on_duckdb)
    tables = builds.on_bigquery.tables() | {
        f"chatfuel_raw.{table}": builds.on_bigquery.query(f"select * from {DATASET}_raw.{table}")
        for table in RAW_SCHEMA["tables"]
    }
    for name, rows in tables.items():
        assert comparable(rows) == comparable(expected[name]), (
            f"{name}: {difference(rows, expected[name], 'BigQuery')}"
        )
        assert not any(
            row.get("chatfuel_user_id") == "1" and row["bot_id"] == "recipients_that_come_later"
            for row in rows
        )
