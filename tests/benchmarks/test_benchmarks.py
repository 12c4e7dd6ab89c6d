"""The benchmarks at their smallest: that every part can be run and yields its numbers, not what they are."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from benchmarks import cases, data, rivals, warehouse
from benchmarks.__main__ import main
from benchmarks.cases import MEASURES, PARTS
from benchmarks.measure import Measured, StepError, call
from benchmarks.warehouse import Shape, Warehouse
from tests.pipeline.project import ROOT, Project

NODES = [
    {
        "unique_id": f"{kind}.chatfuel.int_chatfuel__attribute_versions",
        "execution_time": 2.0,
        "timing": [{"started_at": start, "completed_at": end}],
    }
    for kind, start, end in (
        ("model", "2024-01-01T00:00:00", "2024-01-01T00:00:02"),
        ("test", "2024-01-01T00:00:01", "2024-01-01T00:00:04"),
    )
]


@pytest.fixture
def in_process(monkeypatch):
    """What is measured is called in this process, and costs nothing."""

    def call_here(function, *arguments, python=None, **limits):
        module, name = function.split(":")
        try:
            return Measured(1.0, 1.0, 1, getattr(importlib.import_module(module), name)(*arguments) or {})
        except ImportError as error:
            raise StepError(str(error)) from error

    def run_here(command, environment=None, **limits):
        assert Path(command[0]).name == "dbt"
        assert dbtRunner().invoke(command[1:]).success
        DuckDBConnectionManager.close_all_connections()
        return Measured(1.0, 1.0, 1), ""

    for module in (cases, warehouse):
        monkeypatch.setattr(module, "call", call_here)
    monkeypatch.setattr(rivals, "run", run_here)


@pytest.fixture
def without_dbt(monkeypatch, in_process):
    """dbt and the history of the days between are left out; the commands for dbt are kept."""
    commands = []

    def run_nothing(built, command):
        commands.append(command[2:])
        built.target.mkdir(exist_ok=True)
        (built.target / "run_results.json").write_text(json.dumps({"results": NODES}))
        return Measured(1.0, 1.0, 1)

    monkeypatch.setattr(Warehouse, "run", run_nothing)
    monkeypatch.setattr(data, "fill", lambda path, until: None)
    return commands


def test_every_measure_of_the_table_is_measured(tmp_path, monkeypatch, without_dbt):
    options = ["--size", "tiny", "--folder", tmp_path, "--output", tmp_path]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, options)])
    assert main() == 0
    report = (tmp_path / "RESULTS.md").read_text()
    rows = [line.split(" | ") for line in report.splitlines()]
    values = {row[0].removeprefix("| "): row[1] for row in rows if len(row) > 2}
    for measure in MEASURES:
        assert float(values[measure.what].replace(",", "")) >= 0, measure.what
    # this environment has pandas and no dlt: what a rival cannot do is told, and the run goes on
    assert "did not finish: `No module named 'dlt'`" in values["dlt, scd2 merge of the values"]
    assert not list((tmp_path / "tiny").glob("*.duckdb"))


def test_a_report_says_what_is_missing_and_what_was_missed(tmp_path, monkeypatch, without_dbt):
    options = ["--size", "tiny", "--only", "small_bot", "--folder", tmp_path, "--output", tmp_path]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, options)])
    assert main() == 0
    assert (
        "Not measured in this run: daily_build, pulls, growth, long_backlog."
        in (tmp_path / "RESULTS.md").read_text()
    )
    (tmp_path / "full").mkdir()
    for name in ("machine", "small_bot"):
        (tmp_path / "tiny" / f"{name}.jsonl").rename(tmp_path / "full" / f"{name}.jsonl")
    cases_of_full = cases.SIZES["full"]._replace(parts=("small_bot",))
    monkeypatch.setitem(cases.SIZES, "full", cases_of_full)
    monkeypatch.setitem(
        PARTS, "small_bot", lambda bench: iter([{"name": "year", "days": 365, **COSTS, "seconds": 181}])
    )
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--size", "full", *map(str, options[4:])])
    assert main() == 0
    assert (
        "| first build of a year of a small bot, seconds | 181 | at most 180 | **missed** |"
        in (tmp_path / "RESULTS.md").read_text()
    )


COSTS = {
    "cpu_seconds": 1,
    "peak_bytes": 1,
    "models_seconds": 1,
    "tests_seconds": 1,
    "bytes": 1,
    "slowest": {},
}


@pytest.mark.timeout(300)
def test_a_history_that_was_made_is_one_that_the_next_build_accepts(tmp_path, monkeypatch, in_process):
    built = Warehouse(tmp_path / "daily.duckdb", Shape(200, 60, recipients=50))
    built.pull(1, 2)

    def run_here(built, command):
        project = Project(tmp_path / "warehouse.duckdb", built.target)
        built.path.rename(project.path)
        options = [word for word in command[2:] if word not in ("--selector", "daily")]
        # tests that read all of history: what was made does not always follow the law, the built days do
        without = ("--exclude", "test_type:generic", "tag:weekly") if options[0] == "build" else ()
        try:
            project.dbt(*options, *without)
        finally:
            project.path.rename(built.path)
        return Measured(1.0, 1.0, 1)

    monkeypatch.setattr(Warehouse, "run", run_here)
    record = built.build("--exclude-resource-type", "unit_test")
    assert record["models_seconds"] > record["versions_seconds"] > 0
    assert record["tests_seconds"] > 0
    built.fill(7)
    built.pull(8)
    built.build("--exclude-resource-type", "unit_test")
    assert warehouse.full_join(str(built.path))["changed"] > 0
    with data.connect(built.path) as connection:
        days = connection.execute(
            "select count(distinct observed_at), max(observed_at) from chatfuel.fct_chatfuel__user_events"
        ).fetchone()
    assert (days[0], str(days[1])) == (7, "2024-01-08 00:30:00")


def test_a_pull_changes_its_share_of_the_values_and_no_more(tmp_path):
    path = str(tmp_path / "warehouse.duckdb")
    data.write_pulls(path, 1, 2, 2000, 90, 24, 10, 0.05)
    with data.connect(path) as connection:
        (changed,) = connection.execute(
            """
            select count(*) from chatfuel_raw.user_attributes as old
            inner join chatfuel_raw.user_attributes as new using (chatfuel_user_id, attribute_name)
            where old.pull_id < new.pull_id and old.attribute_value <> new.attribute_value
            """
        ).fetchone()
    # some of those chosen get the value that they had
    assert 0.03 * 48_000 < changed < 0.055 * 48_000


def test_what_takes_more_memory_than_allowed_fails_alone():
    with pytest.raises(StepError):
        call("builtins:bytearray", 1 << 31, most_bytes=1 << 30)


def test_memory_is_that_of_the_process_and_not_of_the_largest_before():
    # in a small process, for no child counts as smaller than the one that began it
    measured = subprocess.run(
        [sys.executable, "-c", TWO_PROCESSES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    large, small = map(int, measured.stdout.split())
    assert large > 1_000_000_000 > small


TWO_PROCESSES = """
import sys
from benchmarks.measure import run

for code in ("x = bytearray(1_000_000_000)", "pass"):
    print(run([sys.executable, "-c", code])[0].peak_bytes)
"""
