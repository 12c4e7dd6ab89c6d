"""The benchmarks at their smallest: that every part yields its numbers, not what they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import data, wide_to_long
from benchmarks.__main__ import PARTS, main
from benchmarks.daily_build import Warehouse
from benchmarks.measure import Measured, StepError, run
from tests.pipeline.project import Project

COST = {"seconds", "peak_bytes"}
BUILD = COST | {"models_seconds", "tests_seconds", "nodes_seconds", "slowest", "bytes"}
NUMBERS = {
    "wide_to_long": {
        "export": {"bytes"},
        "floor": COST | {"values"},
        "ours": COST | {"values"},
        "pandas": COST,
    },
    "whole_pull": {
        "pull": COST | {"fetch", "convert", "load"},
        "parts": COST | {"exports", "csv_bytes", "landed_bytes"},
        "ours, whole pull": COST,
    },
    "daily_build": {
        **dict.fromkeys(("day 1", "models", "day 2", "backlog", "day 4", "day 8", "weekly"), BUILD),
        "full join": COST | {"compared", "changed"},
        "storage": {"day", "tables"},
        **dict.fromkeys(("dbt snapshot, day 1", "dbt snapshot, day 2"), COST),
    },
    "growth": {
        **dict.fromkeys(("base", "users x 2", "attributes x 2", "changes x 10", "years"), BUILD),
        "pages": {"dashboard_bytes", "docs_bytes"},
        "opened": set(),
    },
}


@pytest.fixture
def in_process(monkeypatch):
    """What dbt builds is built in this process, without tests of columns: the costs are then of no account, the rest is."""

    def run_here(warehouse, command):
        if Path(command[0]).name != "dbt" or "docs" in command:
            return run_apart(warehouse, command)
        project = Project(warehouse.path.with_name("built.duckdb"), warehouse.target)
        warehouse.path.rename(project.path)
        try:
            _, *arguments = command
            arguments = [word for word in arguments if word not in ("--quiet", "--selector", "daily")]
            if arguments[0] == "build":
                # what the selector leaves out: a history that is made, not built, does not always follow the law
                project.build(*arguments[1:], "--exclude", "test_type:generic", "tag:weekly")
            else:
                project.dbt(*arguments)
        finally:
            project.path.rename(warehouse.path)
        return Measured(1.0, 1.0, 1)

    run_apart = Warehouse.run
    monkeypatch.setattr(Warehouse, "run", run_here)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("part", PARTS)
def test_every_part_yields_its_numbers_and_its_section(part, tmp_path, monkeypatch, in_process):
    # this environment has pandas and no dlt: what a rival cannot do is told, and the run goes on
    options = [
        "--size",
        "tiny",
        "--only",
        part,
        "--folder",
        tmp_path,
        "--output",
        tmp_path,
        "--rivals",
        sys.executable,
    ]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, options)])
    assert main() == 0
    rows = [json.loads(line) for line in (tmp_path / "tiny" / f"{part}.jsonl").read_text().splitlines()]
    found = {row["name"]: set(row) for row in rows}
    for name, fields in NUMBERS[part].items():
        assert fields <= found.get(name, set()), name
    assert "\n## " in (tmp_path / "RESULTS.md").read_text()


def test_every_way_finds_the_values_of_the_export(tmp_path):
    export, landing = str(tmp_path / "users.csv"), str(tmp_path / "landing")
    made = data.write_export(export, 200, 90, 24)
    wide_to_long.land(export, landing, 50)
    assert (
        made["values"]
        == wide_to_long.ours(landing)["values"]
        == wide_to_long.floor(landing)["values"]
        == 4800
    )


def test_a_pull_changes_its_share_of_the_values_and_no_more(tmp_path):
    path = str(tmp_path / "warehouse.duckdb")
    for day in (1, 2):
        data.write_pull(path, day, 2000, 90, 24, 10, 0.05)
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
        run([sys.executable, "-c", "x = bytearray(1 << 31)"], most_bytes=1 << 30)


def test_memory_is_that_of_the_process_and_not_of_the_largest_before():
    large = run([sys.executable, "-c", "x = bytearray(1_000_000_000)"])[0]
    small = run([sys.executable, "-c", "pass"])[0]
    assert large.peak_bytes > 1_000_000_000 > small.peak_bytes
