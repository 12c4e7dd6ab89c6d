"""Any batching, same rows: random bots, worked off in random clumps, against the law and against all at once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.pipeline import reference
from tests.pipeline.bots import Pull, write_pulls
from tests.pipeline.project import HISTORY_TABLES, Project

BOTS_AT_ONCE = 30
START = datetime(2024, 6, 3, 7, 30)
USERS = ["1", "2", "9007199254740993"]
ATTRIBUTES = ["a", "A", "b c", "last seen"]
VALUES = st.sampled_from([None, "x", "y", "NA"])
STATUSES = st.sampled_from(["reachable", "blocked", None])


@st.composite
def bots(draw, bot_id):
    """One bot: its pulls, and after which of them the project is built."""
    pulls, builds = [], []
    hours = 0
    for number in range(draw(st.integers(2, 6))):
        hours += draw(st.sampled_from([5, 24, 24, 24, 72]))
        pulled_at = START + timedelta(hours=hours)
        catalogue = [name for name in ATTRIBUTES if draw(st.integers(0, 4))]
        users = {}
        for user in USERS:
            if not draw(st.integers(0, 3)):
                continue
            values = {name: draw(VALUES) for name in ATTRIBUTES[:3]}
            values["status"] = draw(STATUSES)
            values["signed up"] = "2024-06-01 10:00:00"
            values["last seen"] = draw(st.sampled_from([None, "2024-06-02 08:00:00", "2024-06-05 09:00:00"]))
            users[user] = {name: value for name, value in values.items() if value}
        recipients = {}
        if draw(st.booleans()):
            sent_at = pulled_at - timedelta(hours=draw(st.sampled_from([2, 30, 160])))
            recipients[f"broadcast {number}"] = (
                sent_at.isoformat(" "),
                [user for user in USERS if draw(st.booleans())],
            )
        pulls.append(Pull(pulled_at.isoformat(" "), users, catalogue, recipients, bot_id))
        builds.append(draw(st.booleans()))
    return pulls, builds


def clumps(drawn):
    """Which pulls are new at each build: build k takes each bot's pulls up to its k-th chosen stop."""
    batches = []
    for pulls, builds in drawn:
        number = 0
        for pull, builds_after in zip(pulls, builds, strict=True):
            while len(batches) <= number:
                batches.append([])
            batches[number].append(pull)
            number += builds_after
    return batches


def as_table(pulls):
    """A failing bot as a table that one can read."""
    lines = [f"{'pull':20} {'user':18} values"]
    for pull in pulls:
        lines.append(f"{pull.pulled_at:20} {'(catalogue)':18} {pull.catalogue}  recipients {pull.recipients}")
        for user, values in pull.users.items():
            lines.append(f"{'':20} {user:18} {values}")
    return "\n".join(lines)


@pytest.mark.slow
def test_any_batching_gives_the_rows_of_the_law(tmp_path_factory, target_path):
    @settings(
        max_examples=7,
        deadline=None,
        derandomize=True,
        database=None,
        # a build costs seconds: the failing bots are printed whole instead of shrunk
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(*[bots(f"bot_{number:02}") for number in range(BOTS_AT_ONCE)]))
    def check(drawn):
        all_pulls = [pull for pulls, _ in drawn for pull in pulls]
        folder = tmp_path_factory.mktemp("bots")
        in_clumps = Project(folder / "clumps.duckdb", target_path)
        for batch in clumps(drawn):
            with in_clumps.connect() as connection:
                write_pulls(connection, batch)
            in_clumps.run("--select", "+fct_chatfuel__user_events")
        versions, events = reference.history(all_pulls)
        derived_versions = in_clumps.query(reference.VERSIONS_SQL)
        derived_events = in_clumps.query(reference.EVENTS_SQL)
        for pulls, _ in drawn:
            bot_id = pulls[0].bot_id
            if not (same(versions, derived_versions, bot_id) and same(events, derived_events, bot_id)):
                note(as_table(pulls))
        assert difference(derived_versions, versions) == []
        assert difference(derived_events, events) == []

        at_once = Project(folder / "at_once.duckdb", target_path)
        with at_once.connect() as connection:
            write_pulls(connection, all_pulls)
        at_once.run("--select", "+fct_chatfuel__user_events")
        for table in HISTORY_TABLES:
            assert in_clumps.table(table) == at_once.table(table), table

    check()


def same(expected, derived, bot_id):
    return {row for row in expected if row[0] == bot_id} == {row for row in derived if row[0] == bot_id}


def difference(derived, expected):
    """Rows that only one side has, each led by the side."""
    left, right = set(derived), set(expected)
    assert len(left) == len(derived), "a row twice"
    return sorted(
        [("derived", *map(str, row)) for row in left - right]
        + [("law", *map(str, row)) for row in right - left]
    )
