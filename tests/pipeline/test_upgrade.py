"""The warehouse of every release is built on by the next one, as CHANGELOG.md promises.

`releases/<version>.duckdb.gz` is a warehouse named `warehouse`, into which that release built all pulls of
`days.py` but the last, day by day.
"""

from __future__ import annotations

import gzip
import re

import pytest
import yaml

from loader import __version__
from tests.pipeline.days import PULLS, facts, load
from tests.pipeline.project import ROOT, Project

RELEASES = {
    path.name.removesuffix(".duckdb.gz"): path
    for path in (ROOT / "tests" / "pipeline" / "releases").glob("*.duckdb.gz")
}
CHANGELOG = re.findall(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def told(project):
    """What releases told whole: of their pulls no cohort and no user's presence has a platform, no event a step, no pull a surface."""
    tables = {name: rows for name, rows in facts(project).items() if "cohort_states" not in name}
    events = "chatfuel.fct_chatfuel__user_events"
    pulls = "chatfuel_intermediate.int_chatfuel__pulls"
    presence = "chatfuel_intermediate.int_chatfuel__user_presence"
    later = {events: "engagement_step", pulls: "surface, is_of_new_surface", presence: "platform"}
    return tables | {
        table: project.query(f"select * exclude ({columns}) from {table} order by all")
        for table, columns in later.items()
    }


@pytest.mark.xdist_group("days")
@pytest.mark.parametrize("release", RELEASES)
def test_a_plain_build_goes_on_where_a_release_left_off(release, whole, tmp_path, target_path):
    upgraded = Project(tmp_path / "warehouse.duckdb", target_path)
    upgraded.path.write_bytes(gzip.decompress(RELEASES[release].read_bytes()))
    # before the new loader has added its columns to the raw tables, and after
    upgraded.build()
    upgraded.has_views = True
    load(upgraded, PULLS[-1:])
    upgraded.build()
    assert told(upgraded) == told(whole)


def test_the_warehouse_of_every_release_is_kept():
    assert [version for version, date in CHANGELOG if date != "unreleased"] == sorted(RELEASES, reverse=True)


def test_the_version_is_the_same_everywhere():
    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    assert project["version"] == __version__ == CHANGELOG[0][0]
