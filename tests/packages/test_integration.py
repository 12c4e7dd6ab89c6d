"""A stranger's project (`integration_tests/`) installs this package and gets the marts, and keeps all that is its own."""

from __future__ import annotations

import re
import shutil

import duckdb
import pytest

from tests.emulator.compare import comparable
from tests.emulator.warehouse import EmulatedProject
from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import ROOT, BuildError, Project

pytestmark = pytest.mark.slow
# it parses the project once
ON_ONE_WORKER = pytest.mark.xdist_group("shop")

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
    for name in (
        "dbt_project.yml",
        "analyses",
        "dashboard",
        "macros",
        "models",
        "seeds",
        "snapshots",
        "tests",
    ):
        (package / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture
def shop(installed, tmp_path):
    return Project(tmp_path / "their.duckdb", installed / "target", profiles=installed, root=installed)


def pulled(project, *pulls):
    with duckdb.connect(str(project.path)) as connection:
        write_pulls(connection, list(pulls))


@ON_ONE_WORKER
def test_it_builds_without_a_pull_and_says_so(shop):
    said = shop.dbt("build")
    assert "No pull is in" in said
    assert shop.query("select count(*) from bot_marts.rpt_chatfuel__daily_kpis") == [(0,)]


@ON_ONE_WORKER
def test_a_build_of_their_own_model_asks_nothing_of_ours(shop):
    assert "No pull is in" not in shop.dbt("build", "--select", "people people_now people_history")


@ON_ONE_WORKER
def test_the_marts_are_built_twice_with_the_same_rows_beside_their_own(shop):
    pulled(shop, PULLS[0])
    shop.build()
    pulled(shop, PULLS[1])
    shop.build(variables={"people": 1})
    events = shop.query("select event_type from shop.bot_events order by all")
    assert ("attribute_changed",) in events
    assert shop.query("select max(bought), max(hero) from bot_marts.rpt_chatfuel__daily_kpis") == [(1, 0)]
    # theirs is dated by the wall clock, ours by the pull
    assert shop.query("select dbt_valid_to > '2026-01-01' from shop.people_history where person_id = 2") == [
        (True,)
    ]
    assert shop.query(
        "select cast(dbt_valid_to as varchar) from chatfuel_snapshots.snap_chatfuel__users where chatfuel_user_id = '2'"
    ) == [("2024-06-04 05:30:00",)]
    marts = ("bot_marts.fct_chatfuel__user_events", "bot_marts.dim_chatfuel__users", "shop.people_history")
    before = shop.tables(), [shop.table(name) for name in marts]
    shop.build(variables={"people": 1})
    assert (shop.tables(), [shop.table(name) for name in marts]) == before


@pytest.mark.parametrize(
    ("areas", "gone"),
    [
        (["broadcasts"], "broadcast"),
        (["kpis"], "kpi"),
        (["cohorts", "snapshots", "dashboard"], "cohort|snap_chatfuel"),
    ],
)
def test_what_is_switched_off_is_not_there_and_the_rest_is_built(tmp_path, areas, gone):
    ours = Project(tmp_path / "ours.duckdb", tmp_path / "target")
    pulled(ours, *PULLS)
    ours.build(variables={f"chatfuel__using_{area}": False for area in areas})
    built = [
        name
        for (name,) in ours.query(
            "select table_name from duckdb_tables() union select view_name from duckdb_views()"
        )
    ]
    assert [name for name in built if re.search(f"chatfuel__.*({gone})|{gone}_chatfuel", name)] == []
    assert ours.query("select count(*) > 0 from chatfuel.fct_chatfuel__user_events") == [(True,)]


@ON_ONE_WORKER
def test_a_kpi_without_a_rule_is_named(shop):
    pulled(shop, PULLS[0])
    with pytest.raises(
        BuildError, match="chatfuel_kpi_columns names the KPI 'gold', and no rule of our_kpi_rules"
    ):
        shop.dbt(
            "build", "--select", "+rpt_chatfuel__daily_kpis", variables={"chatfuel_kpi_columns": ["gold"]}
        )


@pytest.mark.emulator
@pytest.mark.xdist_group("bigquery")
@pytest.mark.timeout(1500)
def test_on_bigquery_the_marts_are_those_of_duckdb(installed, tmp_path, emulator):
    both = [
        Project(tmp_path / "their.duckdb", installed / "target", profiles=installed, root=installed),
        EmulatedProject(
            tmp_path / "their.duckdb",
            installed / "target_bigquery",
            emulator,
            "shop",
            profiles=installed,
            root=installed,
            gcp_project="stranger",
        ),
    ]
    # first without a pull
    both[1].run("--select", "stg_chatfuel__pulls stg_chatfuel__users")
    pulled(both[0], *PULLS)
    both[1].load(both[0].path)
    rows = []
    # all that is theirs, and what the marts that are compared stand on; tests/emulator builds the others there
    chosen = "+package:shop +fct_chatfuel__user_events +dim_chatfuel__users +rpt_chatfuel__daily_kpis"
    for project in both:
        project.dbt("build", "--exclude-resource-type", "test", "--select", chosen)
        project.run("--select", "fct_chatfuel__user_events int_chatfuel__kpi_versions")
        rows.append(
            [
                comparable(relation_rows(project, f"bot_marts.{mart}"))
                for mart in ("fct_chatfuel__user_events", "dim_chatfuel__users", "rpt_chatfuel__daily_kpis")
            ]
        )
    assert rows[0] == rows[1]
    assert all(rows[0])


def relation_rows(project, name):
    if isinstance(project, EmulatedProject):
        return project.query(f"select * from {name}")
    with project.connect() as connection:
        result = connection.execute(f"select * from {name}")
        columns = [column[0] for column in result.description]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
