"""A stranger's project (`integration_tests/`) installs this package and gets the marts, and keeps all that is its own."""

from __future__ import annotations

import shutil

import duckdb
import pytest

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import ROOT, BuildError, Project

PULLS = [
    Pull("2024-06-03 05:30:00", {"1": user(a="x"), "2": user(segment="hero")}),
    Pull("2024-06-04 05:30:00", {"1": user(a="y"), "3": user(a="x")}),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The stranger's project with its packages, as `dbt deps` would put them there."""
    folder = tmp_path_factory.mktemp("shop") / "shop"
    shutil.copytree(ROOT / "integration_tests", folder, ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(ROOT / "tests" / "offline_packages", folder / "dbt_packages")
    package = folder / "dbt_packages" / "chatfuel"
    package.mkdir()
    for name in ("dbt_project.yml", "analyses", "dashboard", "macros", "models", "seeds", "snapshots", "tests"):
        (package / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture
def shop(installed, tmp_path):
    return Project(
        tmp_path / "their.duckdb", installed / "target", profiles=installed, root=installed
    )


def pulled(project, *pulls):
    with duckdb.connect(str(project.path)) as connection:
        write_pulls(connection, list(pulls))


def test_it_builds_without_a_pull_and_says_so(shop):
    said = shop.dbt("build")
    assert "No pull is in" in said
    assert shop.query("select count(*) from bot_marts.rpt_chatfuel__daily_kpis") == [(0,)]


def test_a_build_of_their_own_model_asks_nothing_of_ours(shop):
    assert "No pull is in" not in shop.dbt("build", "--select", "people people_now people_history")


def test_the_marts_are_built_twice_with_the_same_rows_beside_their_own(shop):
    pulled(shop, PULLS[0])
    shop.dbt("build")
    pulled(shop, PULLS[1])
    shop.dbt("build", variables={"people": 1})
    events = shop.query("select event_type from shop.bot_events order by all")
    assert ("attribute_changed",) in events
    assert shop.query("select max(bought), max(hero) from bot_marts.rpt_chatfuel__daily_kpis") == [(1, 0)]
    # theirs is dated by the wall clock, ours by the pull
    assert shop.query("select dbt_valid_to > '2026-01-01' from shop.people_history where person_id = 2") == [(True,)]
    assert shop.query(
        "select cast(dbt_valid_to as varchar) from chatfuel_snapshots.snap_chatfuel__users where chatfuel_user_id = '2'"
    ) == [("2024-06-04 05:30:00",)]
    before = shop.tables()
    shop.dbt("build", variables={"people": 1})
    assert shop.tables() == before


def test_what_is_switched_off_is_not_there(shop):
    shop.dbt("build")
    assert shop.query("select count(*) from duckdb_tables() where table_name like '%cohort%'") == [(0,)]


@pytest.mark.parametrize(
    ("variable", "nonsense"),
    [
        ("chatfuel_timezone", ""),
        ("chatfuel_timezone", "Berlin'"),
        ("chatfuel_raw_schema", 3),
        ("chatfuel_kpi_rules", None),
        ("chatfuel_attribution_days", "seven"),
        ("chatfuel_dashboard_min_group", -1),
        ("chatfuel_kpi_columns", "hero"),
        ("chatfuel_engagement_steps", []),
        ("chatfuel_opinions", [1]),
        ("chatfuel_volatile_attributes", "sessions"),
        ("chatfuel_pii_attributes", {"a": 1}),
        ("chatfuel_hash_pii", "yes"),
        ("chatfuel_accept_history_loss", "no"),
        ("chatfuel_rebuild_from", "20 June"),
        ("chatfuel_raw_retention_days", 0),
    ],
)
def test_nonsense_in_a_variable_is_named_when_dbt_parses(shop, variable, nonsense):
    with pytest.raises(BuildError, match=f"The variable {variable} is .*Set it to"):
        shop.dbt("parse", "--no-partial-parse", variables={variable: nonsense})


def test_a_kpi_without_a_rule_is_named(shop):
    pulled(shop, PULLS[0])
    with pytest.raises(BuildError, match="chatfuel_kpi_columns names the KPI 'gold', and no rule of our_kpi_rules"):
        shop.dbt("build", variables={"chatfuel_kpi_columns": ["gold"]})
