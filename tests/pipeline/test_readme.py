"""The worked example of docs/events.md is what the project does."""

from __future__ import annotations

import re
from datetime import datetime

from tests.pipeline.bots import Pull, write_pulls
from tests.pipeline.project import ROOT


def table(name):
    """The rows of the table behind a marker, each as a list of its cells; the header first."""
    text = (ROOT / "docs" / "events.md").read_text().split(f"<!-- example: {name} -->\n")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [rows[0], *rows[2:]]


def moment(day):
    return datetime.strptime(f"{day} 2024 07:30:00", "%d %B %Y %H:%M:%S")


def test_the_example_of_what_an_event_means(project):
    header, (_, *catalogues), *users = table("pulls")
    with project.connect() as connection:
        for number, day in enumerate(header[1:]):
            values = {
                user: dict(re.findall(r"(\w+): (\w+)", cells[number]))
                for user, *cells in users
                if cells[number] != "–"
            }
            catalogue = catalogues[number].split(", ")
            write_pulls(connection, [Pull(moment(day).isoformat(" "), values, catalogue)])
    project.dbt("seed")
    project.run("--select", "+fct_chatfuel__user_events")
    _, *events = table("events")
    assert project.query(
        "select observed_at, chatfuel_user_id, event_type, attribute_name, old_value, new_value, observed_after "
        "from chatfuel.fct_chatfuel__user_events order by all"
    ) == [
        (moment(seen_on), user, event, attribute or None, old or None, new or None, moment(not_yet_on))
        for seen_on, user, event, attribute, old, new, not_yet_on in events
    ]
