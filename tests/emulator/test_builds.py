"""The project on a BigQuery emulator, through the real client and adapter: the same rows as on DuckDB."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from tests.emulator.scenario import DAYS, load_days
from tests.emulator.warehouse import EmulatedProject
from tests.pipeline.project import Project

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def projects(tmp_path_factory, emulator):
    """DuckDB and the emulator after two days one by one, and two more at once."""
    folder = tmp_path_factory.mktemp("emulated")
    on_duckdb = Project(folder / "warehouse.duckdb", folder / "target_duckdb")
    on_bigquery = EmulatedProject(on_duckdb.path, folder / "target_bigquery", emulator, "builds")
    for days in (DAYS[:1], DAYS[1:2], DAYS[2:]):
        load_days(on_duckdb, *days)
        on_duckdb.build()
        on_bigquery.load()
        on_bigquery.build()
    return on_duckdb, on_bigquery


def test_day_by_day_and_in_a_clump_every_table_has_the_rows_of_duckdb(projects):
    on_duckdb, on_bigquery = (project.tables() for project in projects)
    assert on_bigquery.keys() == on_duckdb.keys()
    for table, rows in on_duckdb.items():
        assert comparable(table, on_bigquery[table]) == comparable(table, rows), table
    assert len([table for table, rows in on_duckdb.items() if rows]) > 15


def test_a_second_build_changes_nothing(projects):
    _, on_bigquery = projects
    before = on_bigquery.tables()
    on_bigquery.build()
    assert on_bigquery.tables() == before


def comparable(table, rows):
    """Rows of either warehouse in one order and form: the emulator's times know their zone, its sums are decimals."""
    if "_snapshots." in table:
        # dbt_scd_id hashes what each warehouse writes for a time
        rows = [row[:-4] + row[-3:] for row in rows]
    return sorted([tuple(plain(value) for value in row) for row in rows], key=repr)


def plain(value):
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return float(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else value
