"""Late pulls, expired raw rows, interrupted and repeated builds: the history comes out whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import HISTORY_TABLES, BuildError, Project

SENT = "2024-06-02 17:10:00"
PULLS = [
    Pull("2024-06-03 07:30:00", {"1": user(a="x"), "2": user(a="x"), "3": user(b="1")}),
    Pull(
        "2024-06-04 07:30:00",
        {"1": user(a="y"), "2": user(), "3": user(b="1")},
        recipients={"b1": (SENT, ["1", "2"])},
    ),
    Pull("2024-06-05 07:30:00", {"1": user(a="y"), "3": user()}, catalogue=["a"]),
    Pull("2024-06-06 07:30:00", {"1": user(a="x", segment="lead"), "2": user(a="x"), "3": user(b="2")}),
    Pull("2024-06-07 07:30:00", {"1": user(a="x", segment="hero"), "2": user(a="z"), "3": user(b="2")}),
]


def load(project, pulls):
    with project.connect() as connection:
        write_pulls(connection, pulls)


def facts(project):
    """Every table but the snapshots, which hold what each build saw and not each pull."""
    return {
        name: rows for name, rows in project.tables().items() if not name.startswith("chatfuel_snapshots")
    }


@pytest.fixture(scope="module")
def days(tmp_path_factory, target_path):
    """The warehouse as it was after each day's build, by the number of pulls."""
    project = Project(tmp_path_factory.mktemp("today") / "warehouse.duckdb", target_path)
    stored = {}
    for number, pull in enumerate(PULLS, start=1):
        load(project, [pull])
        project.build()
        stored[number] = copied(project, tmp_path_factory.mktemp(f"day_{number}"))
    return stored


@pytest.fixture(scope="module")
def whole(tmp_path_factory, target_path):
    """What all pulls at once give."""
    project = Project(tmp_path_factory.mktemp("whole") / "warehouse.duckdb", target_path)
    load(project, PULLS)
    project.build()
    return project


@pytest.fixture
def built(whole, tmp_path):
    """A copy of it, to alter."""
    return copied(whole, tmp_path)


def copied(project, folder):
    return Project(Path(shutil.copy(project.path, folder)), project.target_path)


def test_day_by_day_is_all_at_once(days, whole):
    assert facts(days[5]) == facts(whole)


def test_a_full_refresh_gives_the_same_rows(days, whole, tmp_path):
    project = copied(days[5], tmp_path)
    project.build("--full-refresh")
    assert facts(project) == facts(whole)


def test_a_second_build_changes_nothing(built):
    before = built.tables()
    built.build()
    assert built.tables() == before


def test_a_late_pull_is_named_and_a_rebuild_takes_it_in(project, whole):
    late = PULLS[2]
    load(project, [pull for pull in PULLS if pull is not late])
    project.build()
    load(project, [late])
    with pytest.raises(BuildError, match="Pull 20240605T073000Z of bot bot_a came after later ones"):
        project.build()
    older = project.query(
        "select * from chatfuel.fct_chatfuel__user_events where observed_at < timestamp '2024-06-05' order by all"
    )
    project.build(variables={"chatfuel_rebuild_from": "2024-06-05"})
    assert facts(project) == facts(whole)
    assert older == project.query(
        "select * from chatfuel.fct_chatfuel__user_events where observed_at < timestamp '2024-06-05' order by all"
    )


def test_a_rebuild_twice_is_a_rebuild_once(built, whole):
    for _ in range(2):
        built.build(variables={"chatfuel_rebuild_from": "2024-06-04"})
    assert facts(built) == facts(whole)


def test_a_rebuild_starts_from_what_held_where_older_raw_rows_have_expired(built, whole):
    expire(built, before="2024-06-05")
    built.build(variables={"chatfuel_rebuild_from": "2024-06-05"})
    assert facts(built) == facts(whole)


def test_a_rebuild_from_a_day_whose_raw_rows_have_expired_is_refused(built):
    expire(built, before="2024-06-05")
    before = built.tables()
    with pytest.raises(BuildError, match="raw rows of 1 pulls, of 2024-06-04 to 2024-06-04, are gone"):
        built.build(variables={"chatfuel_rebuild_from": "2024-06-04"})
    assert built.tables() == before


def test_the_daily_run_goes_on_when_old_raw_rows_have_expired(days, tmp_path):
    project = copied(days[4], tmp_path)
    project.dbt("run-operation", "expire_raw", variables={"chatfuel_raw_retention_days": 1})
    assert project.query("select min(pull_date)::varchar from chatfuel_raw.users") == [("2024-06-05",)]
    load(project, PULLS[4:])
    project.build()
    assert facts(project) == facts(days[5])


def test_a_full_refresh_that_would_lose_history_is_refused_unless_it_is_meant(built):
    expire(built, before="2024-06-05")
    before = built.tables()
    with pytest.raises(BuildError, match="would lose what they brought"):
        built.build("--full-refresh")
    assert built.tables() == before
    built.build("--full-refresh", variables={"chatfuel_accept_history_loss": True})
    assert built.table("chatfuel_intermediate.int_chatfuel__user_presence")


@pytest.mark.parametrize(
    "last_model", ["int_chatfuel__pulls", "int_chatfuel__user_presence", "int_chatfuel__attribute_versions"]
)
def test_a_build_that_was_interrupted_is_made_up_for(days, whole, tmp_path, last_model):
    project = copied(days[2], tmp_path)
    load(project, PULLS[2:4])
    project.run("--select", f"+{last_model}")
    load(project, PULLS[4:])
    project.build()
    assert facts(project) == facts(whole)


def test_the_users_snapshot_built_day_by_day_is_the_history(days):
    snapshot = days[5].query(
        """
        select chatfuel_user_id, dbt_valid_from, dbt_valid_to from chatfuel_snapshots.snap_chatfuel__users order by all
        """
    )
    presence = days[5].query(
        """
        select chatfuel_user_id, valid_from, valid_to
        from chatfuel_intermediate.int_chatfuel__user_presence order by all
        """
    )
    assert snapshot == presence


@pytest.mark.parametrize("table", HISTORY_TABLES)
def test_every_history_table_has_rows_in_these_tests(whole, table):
    assert whole.table(table)


def expire(project, before):
    with project.connect() as connection:
        for (table,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'chatfuel_raw' and table_name <> 'pulls'"
        ).fetchall():
            connection.execute(f"delete from chatfuel_raw.{table} where pull_date < date '{before}'")
