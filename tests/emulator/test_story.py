"""The whole chain on the emulator: sandbox, loader, load jobs, dbt through the real client and adapter; beside it DuckDB."""

from __future__ import annotations

import pytest

from loader.warehouse import raw_tables
from tests.emulator.compare import comparable, difference
from tests.emulator.scenario import WITHOUT_TESTS

# on one worker, with tests/googlesql: the builds are the expensive part
pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("bigquery"), pytest.mark.timeout(1500)]


def test_pulls_are_loaded_once_and_as_into_duckdb(story):
    for table in raw_tables():
        loaded = story.on_bigquery.query(f"select * from chatfuel_raw.{table}")
        rows = story.clump.rows[f"chatfuel_raw.{table}"]
        assert comparable(loaded) == comparable(rows), f"{table}: {difference(loaded, rows, 'BigQuery')}"
        assert loaded or table not in ("pulls", "users", "user_attributes")


def test_day_by_day_and_in_a_clump_every_table_has_the_rows_of_duckdb(story):
    tables = story.on_bigquery.tables()
    assert len(tables) > 15
    for name, rows in tables.items():
        expected = story.clump.rows[name]
        assert comparable(rows) == comparable(expected), f"{name}: {difference(rows, expected, 'BigQuery')}"


def test_the_report_is_that_of_duckdb(story):
    on_duckdb, on_bigquery = story.reports
    assert on_bigquery == on_duckdb
    assert ", built" in on_bigquery["Last pull"]
    assert "Events" in on_bigquery
    assert "KPIs" in on_bigquery


def test_a_second_build_changes_nothing(story):
    before = {name: comparable(rows) for name, rows in story.on_bigquery.tables().items()}
    story.on_bigquery.build(*WITHOUT_TESTS)
    assert {name: comparable(rows) for name, rows in story.on_bigquery.tables().items()} == before
