"""The whole chain on the emulator: sandbox, loader, load jobs, dbt through the real client and adapter; beside it DuckDB."""

from __future__ import annotations

import re
from threading import Thread

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from loader.warehouse import raw_tables
from tests.emulator.compare import comparable, difference
from tests.emulator.scenario import WITHOUT_TESTS

# on one worker, with tests/googlesql: the builds are the expensive part
pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("bigquery"), pytest.mark.timeout(1500)]


def test_pulls_are_loaded_once_and_as_into_duckdb(story):
    for table in raw_tables():
        loaded = story.on_bigquery.query(f"select * from chatfuel_raw.{table}")
        rows = story.daily.rows[f"chatfuel_raw.{table}"]
        assert comparable(loaded) == comparable(rows), f"{table}: {difference(loaded, rows, 'BigQuery')}"
        assert loaded or table not in ("pulls", "users", "user_attributes")


def test_of_three_pulls_at_once_and_of_one_more_every_table_has_the_rows_of_duckdb(story):
    tables = story.on_bigquery.tables()
    assert len(tables) > 15
    for name, rows in tables.items():
        expected = story.daily.rows[name]
        assert comparable(rows) == comparable(expected), f"{name}: {difference(rows, expected, 'BigQuery')}"


def test_the_report_is_that_of_duckdb(story):
    on_duckdb, on_bigquery = story.reports
    assert on_bigquery == on_duckdb
    assert ", built" in on_bigquery["Last pull"]
    assert "Events" in on_bigquery
    assert "KPIs" in on_bigquery


def test_a_second_build_changes_nothing(story):
    before = {name: comparable(rows) for name, rows in story.on_bigquery.tables().items()}
    # what goes on from what is there; the rest is made anew from it
    story.on_bigquery.build(
        *WITHOUT_TESTS, "--select", "config.materialized:pull_by_pull", "resource_type:snapshot"
    )
    assert {name: comparable(rows) for name, rows in story.on_bigquery.tables().items()} == before


def test_however_often_and_together_a_step_is_done_it_is_done_once(story):
    events, steps = "chatfuel.fct_chatfuel__user_events", "chatfuel.fct_chatfuel__user_events__steps"
    (script,) = [
        sql
        for node, sql in story.daily.sent
        if node.endswith(".fct_chatfuel__user_events") and "begin transaction" in sql
    ]
    before = {name: comparable(story.on_bigquery.query(f"select * from {name}")) for name in (events, steps)}
    # as if nobody had done it yet
    pulls = ", ".join(f"'{pull}'" for pull in re.findall(r"\('[^']*', '([^']*)', timestamp", script))
    for name in before:
        story.on_bigquery.query(f"delete from {name} where pull_id in ({pulls})")
    errors = []

    def build():
        client = bigquery.Client(
            story.on_bigquery.gcp_project,
            AnonymousCredentials(),
            client_options={"api_endpoint": story.on_bigquery.emulator.url},
        )
        try:
            client.query(script, retry=None, job_retry=None).result(retry=None, timeout=120)
        except GoogleAPICallError as error:
            errors.append(str(error))

    builds = [Thread(target=build) for _ in range(2)]
    for each in builds:
        each.start()
    for each in builds:
        each.join()
    # and once more, as the sentence asks for
    build()
    after = {name: comparable(story.on_bigquery.query(f"select * from {name}")) for name in before}
    assert after == before
    assert len(errors) == 2, errors
