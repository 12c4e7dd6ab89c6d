"""The whole chain on the emulator: sandbox, loader, dbt; ten days, beside the same ten days on DuckDB.

The first five land in a bucket, from where BigQuery fetches them; the others in a folder. A build on the emulator takes
a minute: one is made after each of the first two days, one of three days, and one of the last five.
"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from loader import cli
from loader.warehouse import raw_tables
from sandbox.server import running
from tests.emulator.compare import comparable, difference, relations
from tests.emulator.warehouse import GCP_PROJECT, EmulatedProject
from tests.pipeline.project import Project

pytestmark = [pytest.mark.emulator, pytest.mark.slow, pytest.mark.xdist_group("bigquery")]

TO_BUCKET, TO_FOLDER = range(5), range(5, 10)
BUILT_AFTER = (0, 1, 4)


def run(*arguments):
    result = CliRunner().invoke(cli.cli, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def ten_days(emulator, storage, tmp_path_factory):
    """Both warehouses after ten days, and the reports of both."""
    folder = tmp_path_factory.mktemp("ten_days")
    on_duckdb = Project(folder / "warehouse.duckdb", folder / "target_duckdb")
    on_bigquery = EmulatedProject(on_duckdb.path, folder / "target_bigquery", emulator, "chatfuel")
    with running(users=60, attributes=40) as sandbox, pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "CHATFUEL_TOKEN": sandbox.token,
            "CHATFUEL_BOT_ID": sandbox.bot_id,
            "CHATFUEL_BASE_URL": sandbox.url,
            "STORAGE_EMULATOR_HOST": storage[0],
            "CHATFUEL_DUCKDB_PATH": str(on_duckdb.path),
            "CHATFUEL_BIGQUERY_PROJECT": GCP_PROJECT,
        }.items():
            environment.setenv(name, value)
        for day in (*TO_BUCKET, *TO_FOLDER):
            now = sandbox.move_to(day)
            landing = "gs://pulls/ten_days" if day in TO_BUCKET else str(folder / "landing")
            environment.setenv("CHATFUEL_LANDING", landing)
            with pytest.MonkeyPatch.context() as emulated:
                emulated.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
                run("pull", "--target", "emulator", "--as-of", now.isoformat())
                # a second time finds it loaded
                run("reload", f"{now:%Y%m%dT%H%M%SZ}", "--target", "emulator")
            # the same landed pull: the sandbox is not asked again
            run("reload", f"{now:%Y%m%dT%H%M%SZ}", "--target", "dev")
            if day in BUILT_AFTER:
                on_bigquery.build("--exclude-resource-type", "test")
                on_duckdb.build("--exclude-resource-type", "test")
        on_bigquery.build()
        on_duckdb.build()
        reports = []
        for target, project in {"dev": on_duckdb, "emulator": on_bigquery}.items():
            environment.setenv("DBT_TARGET_PATH", str(project.target_path))
            environment.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
            said = map(json.loads, run("report", "--json", "--target", target).splitlines())
            reports.append({line["subject"]: line["state"] for line in said if line["subject"] != "Tests"})
    return on_bigquery, relations(on_duckdb), reports


def test_pulls_are_loaded_once_and_as_into_duckdb(ten_days):
    on_bigquery, expected, _ = ten_days
    for table in raw_tables():
        loaded = on_bigquery.query(f"select * from chatfuel_raw.{table}")
        rows = expected[f"chatfuel_raw.{table}"]
        assert comparable(loaded) == comparable(rows), f"{table}: {difference(loaded, rows, 'BigQuery')}"
        assert loaded or table not in ("pulls", "users", "user_attributes")


def test_ten_days_of_the_loader_give_every_table_the_rows_of_duckdb(ten_days):
    on_bigquery, expected, _ = ten_days
    tables = on_bigquery.tables()
    assert len(tables) > 15
    for name, rows in tables.items():
        assert comparable(rows) == comparable(expected[name]), (
            f"{name}: {difference(rows, expected[name], 'BigQuery')}"
        )


def test_the_report_is_that_of_duckdb(ten_days):
    *_, (on_duckdb, on_bigquery) = ten_days
    assert on_bigquery == on_duckdb
    assert ", built" in on_bigquery["Last pull"]
    assert "Events" in on_bigquery
    assert "KPIs" in on_bigquery


def test_building_once_more_changes_nothing(ten_days):
    on_bigquery, *_ = ten_days
    before = {name: comparable(rows) for name, rows in on_bigquery.tables().items()}
    on_bigquery.build("--exclude-resource-type", "test")
    assert {name: comparable(rows) for name, rows in on_bigquery.tables().items()} == before
