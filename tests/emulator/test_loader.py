"""The loader on the emulator: what it loads there is what it loads into DuckDB."""

from __future__ import annotations

import duckdb
import pytest
from click.testing import CliRunner

from loader import cli
from loader.warehouse import raw_tables
from sandbox.server import running
from tests.emulator.warehouse import GCP_PROJECT, EmulatedProject

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("bigquery")]


def run(*arguments):
    result = CliRunner().invoke(cli.cli, arguments)
    assert result.exit_code == 0, result.output


def test_a_pull_is_loaded_once_and_as_into_duckdb(emulator, tmp_path, monkeypatch):
    project = EmulatedProject(tmp_path / "warehouse.duckdb", tmp_path / "target", emulator, "chatfuel")
    with running(users=60, attributes=40) as sandbox:
        for name, value in {
            "CHATFUEL_TOKEN": sandbox.token,
            "CHATFUEL_BOT_ID": sandbox.bot_id,
            "CHATFUEL_BASE_URL": sandbox.url,
            "CHATFUEL_LANDING": str(tmp_path / "landing"),
            "CHATFUEL_DUCKDB_PATH": str(project.path),
            "CHATFUEL_BIGQUERY_PROJECT": GCP_PROJECT,
            "BIGQUERY_EMULATOR_HOST": emulator.url,
        }.items():
            monkeypatch.setenv(name, value)
        run("pull", "--target", "emulator", "--as-of", "2024-06-03T07:30:00Z")
    # the same landed pull, into both: the sandbox is not asked again
    run("reload", "20240603T073000Z", "--target", "emulator")
    run("reload", "20240603T073000Z", "--target", "dev")
    for table in raw_tables():
        with duckdb.connect(project.path) as connection:
            cursor = connection.execute(f"select * from chatfuel_raw.{table}")
            columns = [column[0] for column in cursor.description]
            expected = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        loaded = project.query(f"select * from chatfuel_raw.{table}")
        assert sorted(map(without_zone, loaded)) == sorted(map(without_zone, expected)), table
        assert loaded or table not in ("pulls", "users", "user_attributes")


def without_zone(row):
    return repr({**row, "pulled_at": row["pulled_at"].replace(tzinfo=None)})
