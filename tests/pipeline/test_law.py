"""Each data test of the law fails on a row that was corrupted by hand, and says nothing of a sound history."""

from __future__ import annotations

import shutil

import pytest

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import BuildError, Project

# one worker, one build
pytestmark = pytest.mark.xdist_group("law")

VERSIONS = "chatfuel_intermediate.int_chatfuel__attribute_versions"
EVENTS = "chatfuel.fct_chatfuel__user_events"
DAILY_KPIS = "chatfuel.rpt_chatfuel__daily_kpis"
LAST = "timestamp '2024-06-05 07:30:00'"

CORRUPTIONS = {
    "assert_events_fold_to_last_pull": [
        f"delete from {EVENTS} where event_type = 'attribute_changed' and observed_at = {LAST}",
        f"update {EVENTS} set new_value = 'wrong' where event_type = 'attribute_set' and observed_at = {LAST}",
        f"delete from {EVENTS} where event_type = 'attribute_cleared' and observed_at = {LAST}",
        f"update {VERSIONS} set attribute_value = 'wrong' where valid_to is null and attribute_name = 'kept'",
    ],
    "assert_open_versions_are_the_last_pull": [
        f"delete from {VERSIONS} where attribute_name = 'status' and valid_to is null and chatfuel_user_id = '1'",
        f"update {VERSIONS} set valid_to = {LAST} where attribute_name = 'kept'",
    ],
    "assert_users_are_yesterdays_plus_appeared_minus_disappeared": [
        f"delete from {EVENTS} where event_type = 'user_appeared' and observed_at = {LAST}",
        f"delete from {EVENTS} where event_type = 'user_disappeared' and observed_at = {LAST}",
    ],
    "assert_versions_never_overlapped": [
        f"update {VERSIONS} set valid_to = {LAST} + interval 1 day where valid_to = {LAST} and end_reason = 'changed'",
    ],
    "assert_one_open_version_per_attribute": [
        f"insert into {VERSIONS} select * replace ('twice' as version_key) from {VERSIONS} where attribute_name = 'kept'",
    ],
    "assert_events_refer_to_pulls": [
        f"update {EVENTS} set pull_id = 'no such pull' where event_type = 'user_appeared' and observed_at = {LAST}",
    ],
    "assert_reachable_users_reconcile": [
        f"update {DAILY_KPIS} set reachable_disappeared = 0 where reachable_disappeared = 1",
        f"update {DAILY_KPIS} set reachable_at_start = 9, reachable_appeared = 0, reachable_at_end = 8 where reachable_appeared = 1",
    ],
    "assert_users_snapshot_agrees_with_history": [
        "update chatfuel_snapshots.snap_chatfuel__users set status = 'blocked' where chatfuel_user_id = '1'",
        "delete from chatfuel_snapshots.snap_chatfuel__users where chatfuel_user_id = '1'",
    ],
    "assert_no_pull_came_late": [
        "delete from chatfuel_intermediate.int_chatfuel__pulls where pulled_at = timestamp '2024-06-04 07:30:00'",
    ],
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory, target_path):
    """A built warehouse in which every rule has something to look at."""
    project = Project(tmp_path_factory.mktemp("law") / "warehouse.duckdb", target_path)
    pulls = [
        Pull("2024-06-03 07:30:00", {"1": user(a="x", kept="k"), "2": user(), "3": user(a="x")}),
        Pull("2024-06-04 07:30:00", {"1": user(a="y", kept="k"), "2": user(), "3": user(a="x")}),
        Pull("2024-06-05 07:30:00", {"1": user(a="z", kept="k"), "3": user(b="new"), "4": user(a="x")}),
    ]
    with project.connect() as connection:
        write_pulls(connection, pulls)
    project.build()
    return project


@pytest.mark.parametrize(
    ("rule", "corruption"),
    [(rule, corruption) for rule, corruptions in CORRUPTIONS.items() for corruption in corruptions],
)
def test_a_corrupted_row_fails_its_rule(sound, tmp_path, rule, corruption):
    corrupted = Project(tmp_path / "warehouse.duckdb", sound.target_path)
    shutil.copy(sound.path, corrupted.path)
    with corrupted.connect() as connection:
        assert connection.execute(corruption).fetchone()[0] > 0, "nothing was corrupted"
    with pytest.raises(BuildError, match=rule):
        corrupted.dbt("test", "--select", rule)
