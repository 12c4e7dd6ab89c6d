"""The loader and dbt together, on one warehouse, as the README says."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from datetime import datetime

import pytest
from click.testing import CliRunner

from loader.cli import cli
from sandbox.server import running
from tests.emulator.compare import relations
from tests.pipeline.days import facts
from tests.pipeline.project import ROOT, Project

MOMENTS = ["2024-06-03T07:30:00Z", "2024-06-04T07:30:00Z", "2024-06-05T07:30:00Z"]


def load(*arguments):
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """A sandbox, and a working directory whose .env says where the loader finds it and what it fills."""
    with running(users=60, attributes=40) as sandbox:
        for name in [name for name in os.environ if name.startswith("CHATFUEL_")]:
            monkeypatch.delenv(name)
        settings = {
            "CHATFUEL_TOKEN": sandbox.token,
            "CHATFUEL_BOT_ID": sandbox.bot_id,
            "CHATFUEL_BASE_URL": sandbox.url,
            "CHATFUEL_DUCKDB_PATH": tmp_path / "warehouse.duckdb",
        }
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        monkeypatch.chdir(tmp_path)
        yield sandbox


def test_a_forgotten_person_is_in_no_landed_file_and_in_no_table(
    sandbox, tmp_path, target_path, monkeypatch, capfd
):
    project = Project(tmp_path / "warehouse.duckdb", target_path)
    for day, moment in enumerate(MOMENTS):
        sandbox.move_to(day)
        load("pull", "--as-of", moment)
    project.build()
    monkeypatch.delenv("CHATFUEL_DUCKDB_PATH")
    ((user_id,),) = project.query(
        "select chatfuel_user_id from chatfuel.dim_chatfuel__users"
        " join chatfuel.fct_chatfuel__broadcast_recipients using (chatfuel_user_id) limit 1"
    )

    def places():
        landed = {
            str(path.relative_to(tmp_path))
            for path in (tmp_path / "data" / "landing").rglob("*.gz")
            if user_id.encode() in gzip.decompress(path.read_bytes())
        }
        return landed | {table for table, rows in relations(project).items() if user_id in str(rows)}

    # What a pull leaves that is killed: nothing reads it, and it holds everybody.
    (export,) = (tmp_path / "data" / "landing").rglob("20240605T073000Z/users.csv.gz")
    killed = export.parents[2] / "pull_date=2024-06-06" / "20240606T073000Z"
    killed.mkdir(parents=True)
    shutil.copy(export, killed)
    assert len(places()) > 15
    # As in the folder of the project; its own folder would have a .env of its own.
    paths = {
        "PROJECT_DIR": ROOT,
        "PROFILES_DIR": ROOT,
        "TARGET_PATH": target_path,
        "LOG_PATH": tmp_path / "logs",
    }
    for variable, value in paths.items():
        monkeypatch.setenv(f"DBT_{variable}", str(value))
    said = load("forget", "--user", user_id, "--bot", sandbox.bot_id, "--yes") + capfd.readouterr().out
    assert "rows removed from the landing zone" in said
    assert f"rows of user {user_id} of bot {sandbox.bot_id} removed" in said
    assert places() == set()
    written = [path for path in (*target_path.rglob("*"), *tmp_path.rglob("logs/*")) if path.is_file()]
    assert not [path for path in written if user_id.encode() in path.read_bytes()]
    # What is left is whole: it can be loaded again, and built.
    tables = project.tables()
    with project.connect() as connection:
        connection.execute("drop schema chatfuel_raw cascade")
    load("reload", "--all")
    project.build()
    assert places() == set()
    assert project.tables().keys() == tables.keys()


def test_a_saved_file_begins_the_history_before_the_first_night(sandbox, tmp_path, target_path, monkeypatch):
    in_order, late = (
        Project(tmp_path / name / "warehouse.duckdb", target_path) for name in ("in_order", "late")
    )

    def use(project):
        monkeypatch.setenv("CHATFUEL_DUCKDB_PATH", str(project.path))
        monkeypatch.setenv("CHATFUEL_LANDING", str(project.path.with_suffix(".landing")))

    use(Project(tmp_path / "saved" / "warehouse.duckdb", target_path))
    load("pull", "--as-of", MOMENTS[0])
    (saved,) = (tmp_path / "saved" / "warehouse.landing").rglob("user_attributes-001.csv.gz")
    import_saved = ("import", str(saved), "--bot", sandbox.bot_id, "--as-of", MOMENTS[0][:10])

    use(in_order)
    load(*import_saved)
    for day in (1, 2):
        for project in (in_order, late):
            use(project)
            sandbox.move_to(day)
            load("pull", "--as-of", MOMENTS[day])
    late.build("--exclude-resource-type", "test")
    late.has_views = True
    in_order.build()
    before = late.table("chatfuel.fct_chatfuel__user_events")
    use(late)
    load(*import_saved)
    late.build(variables={"chatfuel_rebuild_from": MOMENTS[0][:10]})

    whole = facts(in_order)
    assert facts(late) == whole
    assert len(before) < len(whole["chatfuel.fct_chatfuel__user_events"])
    assert late.query(
        "select min(observed_after) from chatfuel.fct_chatfuel__user_events where event_type = 'attribute_changed'"
    ) == [(datetime(2024, 6, 3, 12),)]


def test_the_report_tells_of_the_last_pull_and_of_its_build(sandbox, tmp_path, monkeypatch):
    project = Project(tmp_path / "warehouse.duckdb", tmp_path / "target")
    for day in (0, 1, 3):
        load("pull", "--as-of", sandbox.move_to(day).isoformat())
    project.dbt("build", "--exclude-resource-type", "unit_test")

    def report():
        return {
            line["subject"]: line["state"] for line in map(json.loads, load("report", "--json").splitlines())
        }

    said = report()
    assert list(said) == [
        "Pipeline", "Bot", "Last pull", "Missed days", "Users", "Attributes", "Values", "Events", "KPIs",
    ]  # fmt: skip
    assert said["Last pull"].endswith(", built")
    assert said["Missed days"] == "1, from 2024-06-04 to 2024-06-04"
    assert f"Missed days of bot {sandbox.bot_id}: 1, from" in said["Pipeline"]
    assert "It is older than 26 hours" in said["Pipeline"]
    ((pulled_at, events),) = project.query(
        "select max_by(pulled_at, pulled_at), max_by(attribute_events, pulled_at) from chatfuel.rpt_chatfuel__pulls"
    )
    assert said["Last pull"].startswith(f"{pulled_at:%Y-%m-%d %H:%M} UTC")
    assert said["Events"] == f"{events} of attributes in the last pull"
    assert events > 0
    assert said["KPIs"].startswith("2024-06-05: ")
    sandbox.move_to(4)
    load("pull")
    assert report()["Last pull"].endswith(", not built yet")
