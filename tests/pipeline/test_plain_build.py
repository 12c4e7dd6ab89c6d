"""A plain `dbt build`, as a dbt Cloud job runs it: all that there is, on a warehouse that holds nothing but a pull."""

from __future__ import annotations

import json
from collections import Counter

from tests.pipeline.bots import Pull, user, write_pulls


def test_a_plain_build_on_an_empty_warehouse_runs_every_unit_test(project):
    with project.connect() as connection:
        write_pulls(connection, [Pull("2024-06-03 07:30:00", {"1": user(a="x")})])
    project.dbt("build")
    results = json.loads((project.target_path / "run_results.json").read_text())["results"]
    manifest = json.loads((project.target_path / "manifest.json").read_text())
    statuses = {
        result["unique_id"]: result["status"]
        for result in results
        if result["unique_id"].startswith("unit_test.")
    }
    assert statuses.keys() == manifest["unit_tests"].keys()
    assert Counter(statuses.values()) == {"pass": len(statuses)}
