"""A person who is forgotten is nowhere, and the history stays sound."""

from __future__ import annotations

import json

import pytest

from tests.emulator.compare import relations
from tests.pipeline.bots import BOT_ID, Pull, user
from tests.pipeline.days import copied, load
from tests.pipeline.personal import ANN, HASHED, ID, PULLS, found
from tests.pipeline.project import BuildError

# built once, on one worker
pytestmark = [pytest.mark.usefixtures("salt"), pytest.mark.xdist_group("personal")]


def forget(project, user_id, variables=HASHED):
    arguments = json.dumps({"user_id": user_id, "bot_id": BOT_ID})
    return project.dbt("run-operation", "forget_user", "--args", arguments, variables=variables)


@pytest.mark.parametrize("when_built", ["clear", "hashed"])
def test_a_forgotten_person_is_nowhere_and_the_next_build_is_sound(request, tmp_path, when_built):
    copy = copied(request.getfixturevalue(when_built), tmp_path)
    variables = HASHED if when_built == "hashed" else {}
    with copy.connect() as connection:
        # as `store_failures` leaves it
        connection.execute("create schema chatfuel_dbt_test__audit")
        connection.execute(f"create table {FAILURES} as select '{ID}' as unique_field, 2 as n_records")
    before = relations(copy)
    tables = {
        name
        for name, rows in before.items()
        if any(ID in str(value) for row in rows for value in row.values())
    }
    assert len(tables) > 10
    said = forget(copy, ID, variables)
    assert found(copy, [ID, *ANN.values()] if when_built == "clear" else [ID]) - BLOCKS == set()
    removed = {row.split()[1]: int(row.split()[0]) for row in said.splitlines() if row[:8].strip().isdigit()}
    for name in tables - {FAILURES} - {name for name in tables if is_view(copy, name)}:
        assert removed[name] == sum(row["chatfuel_user_id"] == ID for row in before[name]) > 0, name
    # nobody else lost a row
    for name, rows in relations(copy).items():
        if "chatfuel_user_id" in (before[name] or [{}])[0]:
            assert rows_of_others(rows) == rows_of_others(before[name]), name
    copy.build(variables=variables)
    assert found(copy, [ID]) == set()


FAILURES = "chatfuel_dbt_test__audit.assert_users_snapshot_agrees_with_history"

# The team's own words: an audience that names Ann is not hers, and no column says that it is about her.
BLOCKS = {
    ("chatfuel.fct_chatfuel__broadcasts.audience", ANN["email"]),
    ("chatfuel_raw.block_filters.payload", ANN["email"]),
    ("chatfuel_staging.stg_chatfuel__block_filters.payload", ANN["email"]),
    ("chatfuel_intermediate.int_chatfuel__broadcast_audiences.filter_json", ANN["email"]),
    ("chatfuel_intermediate.int_chatfuel__broadcast_audiences.audience", ANN["email"]),
    ("chatfuel_snapshots.snap_chatfuel__broadcast_audiences.filter_json", ANN["email"]),
    ("chatfuel_snapshots.snap_chatfuel__broadcast_audiences.audience", ANN["email"]),
}


def is_view(project, name):
    return project.query(
        f"select count(*) from duckdb_views() where schema_name || '.' || view_name = '{name}'"
    ) == [(1,)]


def rows_of_others(rows):
    return sorted(repr(row) for row in rows if row["chatfuel_user_id"] != ID)


def test_whoever_is_forgotten_the_law_holds_on_the_next_day_and_on_a_full_refresh(clear, tmp_path):
    copy = copied(clear, tmp_path)
    # who had gone, who came last, and who was there
    gone, new, present = people = ("2", "3", ID)
    for person in people:
        forget(copy, person, {})
    load(copy, [Pull("2024-06-07 07:30:00", {"1": user(a="z"), "4": user(), new: user(), present: user()})])
    copy.build()
    events = "select * from chatfuel.fct_chatfuel__user_events order by all"
    day_by_day = copy.query(events)
    copy.run("--full-refresh")
    # somebody who is still in Chatfuel comes back as new, for nothing is known of them
    assert copy.query(events) == day_by_day
    for person, rows in ((gone, 0), (new, 1), (present, 1)):
        of_person = f"from chatfuel_raw.users where chatfuel_user_id = '{person}'"
        assert copy.query(f"select count(*) {of_person}") == [(rows,)]


def test_the_ledger_counts_the_rows_that_are_left(clear, tmp_path):
    copy = copied(clear, tmp_path)
    users_rows = "select sum(users_rows) from chatfuel_raw.pulls"
    ((before,),) = copy.query(users_rows)
    for _ in range(2):
        forget(copy, ID, {})
        assert copy.query(users_rows) == [(before - 3,)]
        for table in ("users", "user_attributes", "broadcast_recipients"):
            assert (
                copy.query(
                    f"""
                select ledger.pull_id, ledger.{table}_rows, count(counted.pull_id)
                from chatfuel_raw.pulls as ledger
                left join chatfuel_raw.{table} as counted using (bot_id, pull_id)
                group by all having ledger.{table}_rows <> count(counted.pull_id)
                """
                )
                == []
            )
        assert (
            copy.query(
                "select pull_id from chatfuel_raw.pulls as ledger join chatfuel_intermediate.int_chatfuel__pulls as pulls "
                "using (bot_id, pull_id) where ledger.users_rows <> pulls.users_rows"
            )
            == []
        )


def test_the_same_id_of_another_bot_stays(project):
    other = [Pull(pull.pulled_at, pull.users, bot_id="bot_b", recipients=pull.recipients) for pull in PULLS]
    load(project, [*PULLS, *other])
    project.build()
    before = {name: rows for name, rows in relations(project).items() if rows and "bot_id" in rows[0]}
    forget(project, ID, {})
    for name, rows in relations(project).items():
        if name in before and "stg_chatfuel__pulls" not in name:
            assert of_bot_b(rows) == of_bot_b(before[name]), name


def of_bot_b(rows):
    return sorted(repr(row) for row in rows if row["bot_id"] == "bot_b")


def test_a_person_whom_no_table_holds(clear, tmp_path):
    copy = copied(clear, tmp_path)
    assert "Nobody was found" in forget(copy, "404", {})
    with pytest.raises(BuildError, match="user_id is '1' or true', which is no id"):
        forget(copy, "1' or true", {})
    with pytest.raises(BuildError, match=r"user_id is .*, which is no id\. Write it in quotes"):
        copy.dbt("run-operation", "forget_user", "--args", "{user_id: 1.5, bot_id: b}")


def test_a_person_can_be_forgotten_before_anything_was_built(project):
    load(project, PULLS)
    forget(project, ID, {})
    assert found(project, [ID]) == set()
