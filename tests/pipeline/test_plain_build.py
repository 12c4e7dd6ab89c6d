"""A plain `dbt build`, as a dbt Cloud job runs it: all that there is, on a warehouse that holds nothing but a pull."""

from __future__ import annotations

import json
from collections import Counter

import duckdb
import pytest

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import Project

# one worker, one build
pytestmark = pytest.mark.xdist_group("plain")


@pytest.fixture(scope="module")
def built(tmp_path_factory, target_path):
    project = Project(tmp_path_factory.mktemp("plain") / "warehouse.duckdb", target_path)
    with project.connect() as connection:
        write_pulls(connection, [Pull("2024-06-03 07:30:00", {"1": user(a="x")})])
    project.dbt("build")
    return project


def test_a_plain_build_on_an_empty_warehouse_runs_every_unit_test(built):
    results = json.loads((built.target_path / "run_results.json").read_text())["results"]
    manifest = json.loads((built.target_path / "manifest.json").read_text())
    statuses = {
        result["unique_id"]: result["status"]
        for result in results
        if result["unique_id"].startswith("unit_test.")
    }
    assert statuses.keys() == manifest["unit_tests"].keys()
    assert Counter(statuses.values()) == {"pass": len(statuses)}


def test_views_survive_that_the_file_is_renamed(built):
    views = built.query("select schema_name, view_name from duckdb_views() where not internal")
    assert len(views) > 10
    renamed = built.path.rename(built.path.with_name("renamed.duckdb"))
    with duckdb.connect(str(renamed), read_only=True) as connection:
        for schema, view in views:
            connection.execute(f"select * from {schema}.{view}")
