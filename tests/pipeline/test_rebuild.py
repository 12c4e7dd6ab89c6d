"""Late pulls, expired raw rows, interrupted and repeated builds: the history comes out whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from loader.landing import Pull
from loader.warehouse.duckdb import DuckDBWarehouse
from tests.pipeline.days import PULLS, copied, derived, facts, load
from tests.pipeline.project import HISTORY_TABLES, BuildError

# one worker runs all that looks at these five days
pytestmark = pytest.mark.xdist_group("days")


@pytest.fixture
def built(whole, tmp_path):
    """A copy of what all pulls at once give, to alter."""
    return copied(whole, tmp_path)


def test_day_by_day_is_all_at_once(days, whole):
    assert facts(days[5]) == facts(whole)


def test_a_full_refresh_gives_the_same_rows(days, whole, tmp_path):
    project = copied(days[5], tmp_path)
    project.fold("--full-refresh")
    assert derived(project) == derived(whole)


def test_a_second_build_changes_nothing(built):
    before = built.tables()
    built.build()
    assert built.tables() == before


def test_a_late_pull_is_named_and_a_rebuild_takes_it_in(days, whole, tmp_path):
    project = copied(days[2], tmp_path)
    load(project, PULLS[3:])
    project.fold()
    load(project, PULLS[2:3])
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


def test_a_pull_that_should_not_be_goes_without_a_trace(built, whole):
    load(built, [replace(PULLS[4], pulled_at="2099-01-01 07:30:00")])
    built.fold()
    assert derived(built) != derived(whole)
    DuckDBWarehouse(built.path).remove(Pull("bot_a", datetime(2099, 1, 1, 7, 30, tzinfo=UTC)))
    built.fold(variables={"chatfuel_rebuild_from": "2099-01-01"})
    assert derived(built) == derived(whole)


def test_a_rebuild_twice_is_a_rebuild_once(built, whole):
    for _ in range(2):
        built.fold(variables={"chatfuel_rebuild_from": "2024-06-04"})
    assert derived(built) == derived(whole)


def test_a_rebuild_starts_from_what_held_where_older_raw_rows_have_expired(built, whole):
    expire(built, before="2024-06-05")
    built.fold(variables={"chatfuel_rebuild_from": "2024-06-05"})
    assert derived(built) == derived(whole)


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
    project.fold()
    assert derived(project) == derived(days[5])


def test_a_full_refresh_that_would_lose_history_is_refused_unless_it_is_meant(built):
    expire(built, before="2024-06-05")
    before = built.tables()
    with pytest.raises(BuildError, match="would lose what they brought"):
        built.build("--full-refresh")
    assert built.tables() == before
    built.fold("--full-refresh", variables={"chatfuel_accept_history_loss": True})
    assert built.table("chatfuel_intermediate.int_chatfuel__user_presence")


@pytest.mark.parametrize(
    "last_model", ["int_chatfuel__pulls", "int_chatfuel__user_presence", "int_chatfuel__attribute_versions"]
)
def test_a_build_that_was_interrupted_is_made_up_for(days, whole, tmp_path, last_model):
    project = copied(days[2], tmp_path)
    load(project, PULLS[2:4])
    project.run("--select", f"+{last_model}")
    load(project, PULLS[4:])
    project.fold()
    assert derived(project) == derived(whole)


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
