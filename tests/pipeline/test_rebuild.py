"""Late pulls, expired raw rows, interrupted and repeated builds: the history comes out whole."""

from __future__ import annotations

import pytest

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import HISTORY_TABLES, BuildError

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


@pytest.fixture
def whole(tmp_path, project):
    """What all pulls at once give."""
    other = type(project)(tmp_path / "whole.duckdb", project.target_path)
    load(other, PULLS)
    other.build()
    return other


def test_day_by_day_is_all_at_once_is_full_refresh(project, whole):
    for pull in PULLS:
        load(project, [pull])
        project.build()
    assert facts(project) == facts(whole)
    project.build("--full-refresh")
    assert facts(project) == facts(whole)


def test_a_second_build_changes_nothing(project):
    load(project, PULLS)
    project.build()
    before = project.tables()
    project.build()
    assert project.tables() == before


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


def test_a_rebuild_twice_is_a_rebuild_once(project, whole):
    load(project, PULLS)
    project.build()
    for _ in range(2):
        project.build(variables={"chatfuel_rebuild_from": "2024-06-04"})
    assert facts(project) == facts(whole)


def test_a_rebuild_starts_from_what_held_where_older_raw_rows_have_expired(project, whole):
    load(project, PULLS)
    project.build()
    expire(project, before="2024-06-05")
    project.build(variables={"chatfuel_rebuild_from": "2024-06-05"})
    assert facts(project) == facts(whole)


def test_a_rebuild_from_a_day_whose_raw_rows_have_expired_is_refused(project):
    load(project, PULLS)
    project.build()
    expire(project, before="2024-06-05")
    before = project.tables()
    with pytest.raises(BuildError, match="raw rows of 1 pulls, of 2024-06-04 to 2024-06-04, are gone"):
        project.build(variables={"chatfuel_rebuild_from": "2024-06-04"})
    assert project.tables() == before


def test_the_daily_run_goes_on_when_old_raw_rows_have_expired(project, whole):
    load(project, PULLS[:4])
    project.build()
    project.dbt("run-operation", "expire_raw", variables={"chatfuel_raw_retention_days": 1})
    assert project.query("select min(pull_date)::varchar from chatfuel_raw.users") == [("2024-06-05",)]
    load(project, PULLS[4:])
    project.build()
    assert facts(project) == facts(whole)


def test_a_full_refresh_that_would_lose_history_is_refused_unless_it_is_meant(project):
    load(project, PULLS)
    project.build()
    expire(project, before="2024-06-05")
    before = project.tables()
    with pytest.raises(BuildError, match="would lose what they brought"):
        project.build("--full-refresh")
    assert project.tables() == before
    project.build("--full-refresh", variables={"chatfuel_accept_history_loss": True})
    assert (
        project.query("select distinct start_reason from chatfuel_intermediate.int_chatfuel__user_presence")
        != []
    )


@pytest.mark.parametrize(
    "last_model", ["int_chatfuel__pulls", "int_chatfuel__user_presence", "int_chatfuel__attribute_versions"]
)
def test_a_build_that_was_interrupted_is_made_up_for(project, whole, last_model):
    load(project, PULLS[:2])
    project.build()
    load(project, PULLS[2:4])
    project.run("--select", f"+{last_model}")
    load(project, PULLS[4:])
    project.build()
    assert facts(project) == facts(whole)


def test_the_users_snapshot_built_day_by_day_is_the_history(project):
    for pull in PULLS:
        load(project, [pull])
        project.build()
    snapshot = project.query(
        """
        select chatfuel_user_id, dbt_valid_from, dbt_valid_to from chatfuel_snapshots.snap_chatfuel__users order by all
        """
    )
    presence = project.query(
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
