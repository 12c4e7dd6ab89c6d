"""Any batching, same rows: random bots, worked off in random clumps, against the law and against all at once.

The SQL is that of the models; `straight.py` runs it without dbt, so that hundreds of bots cost what one build costs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest

from tests.pipeline import reference
from tests.pipeline.bots import Pull
from tests.pipeline.project import HISTORY_TABLES
from tests.pipeline.straight import StraightWarehouse, compile_models

pytestmark = pytest.mark.xdist_group("random_bots")

BOTS_AT_ONCE = 100
START = datetime(2024, 6, 3, 7, 30)
USERS = ["1", "2", "9007199254740993"]
ATTRIBUTES = ["a", "A", "b c", "last seen"]


def bot(bot_id, seed):
    """One bot: its pulls, and after which of them the warehouse is built."""
    random = Random(f"{seed} {bot_id}")
    pulls, builds = [], []
    pulled_at = START
    surfaces = random.choice([["classic"], ["classic"], ["panel"], ["classic", "panel"]])
    surface = surfaces.pop(0)
    for number in range(random.randint(2, 6)):
        pulled_at += timedelta(hours=random.choice([5, 24, 24, 24, 72]))
        if number and surfaces and random.randrange(2):
            surface = surfaces.pop(0)
        catalogue = [name for name in ATTRIBUTES if random.randrange(5)]
        users = {}
        for user in USERS:
            if not random.randrange(4):
                continue
            values = {name: random.choice([None, "x", "y", "NA"]) for name in ATTRIBUTES[:3]}
            values["status"] = random.choice(["reachable", "blocked", None])
            values["signed up"] = "2024-06-01 10:00:00"
            values["last seen"] = random.choice([None, "2024-06-02 08:00:00", "2024-06-05 09:00:00"])
            users[user] = {name: value for name, value in values.items() if value}
        recipients = {}
        if random.randrange(2):
            sent_at = pulled_at - timedelta(hours=random.choice([2, 30, 160]))
            is_campaign = surface == "panel" and random.randrange(2)
            recipients[f"broadcast {number}"] = (
                None if is_campaign else sent_at.isoformat(" "),
                [user for user in USERS if random.randrange(2)],
            )
        defaults = {}
        if surface == "panel" and not random.randrange(3):
            defaults = {random.choice(ATTRIBUTES[:3]): random.choice("xy")}
            users = {user: defaults | values for user, values in users.items()}
        pulls.append(
            Pull(
                pulled_at.isoformat(" "),
                users,
                catalogue,
                recipients,
                bot_id,
                surface=surface,
                defaults=defaults,
            )
        )
        builds.append(random.randrange(2))
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


@pytest.fixture(scope="module")
def models(target_path):
    """The SQL of everything up to the events."""
    return compile_models(target_path, "+fct_chatfuel__user_events")


@pytest.mark.parametrize("seed", range(4))
def test_any_batching_gives_the_rows_of_the_law(models, seed):
    drawn = [bot(f"bot_{number:03}", seed) for number in range(BOTS_AT_ONCE)]
    all_pulls = [pull for pulls, _ in drawn for pull in pulls]
    in_clumps = StraightWarehouse(models)
    for batch in clumps(drawn):
        in_clumps.build(batch)
    versions, events = reference.history(all_pulls)
    derived_versions = in_clumps.query(reference.VERSIONS_SQL)
    derived_events = in_clumps.query(reference.EVENTS_SQL)
    for pulls, _ in drawn:
        one = pulls[0].bot_id
        wrong = difference(derived_versions, versions, one) + difference(derived_events, events, one)
        assert wrong == [], as_table(pulls)

    at_once = StraightWarehouse(models)
    at_once.build(all_pulls)
    for table in HISTORY_TABLES:
        assert in_clumps.table(table) == at_once.table(table), table


def difference(derived, expected, bot_id):
    """A bot's rows that only one side has, each led by the side."""
    derived = [row for row in derived if row[0] == bot_id]
    left, right = set(derived), {row for row in expected if row[0] == bot_id}
    assert len(left) == len(derived), "a row twice"
    return sorted(
        [("derived", *map(str, row)) for row in left - right]
        + [("law", *map(str, row)) for row in right - left]
    )


def as_table(pulls):
    """A failing bot as a table that one can read."""
    lines = [f"{'pull':20} {'user':18} values"]
    for pull in pulls:
        lines.append(f"{pull.pulled_at:20} {'(catalogue)':18} {pull.catalogue}  recipients {pull.recipients}")
        for user, values in pull.users.items():
            lines.append(f"{'':20} {user:18} {values}")
    return "\n".join(lines)
