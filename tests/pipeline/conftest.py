"""Fixtures of the whole-pipeline tests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from loader.cli import cli
from sandbox.server import running
from tests.pipeline.bots import write_pulls
from tests.pipeline.cases import CASES
from tests.pipeline.cases import PULLS as PULLS_OF_CASES
from tests.pipeline.days import PULLS, copied, load
from tests.pipeline.personal import clear, hashed, salt  # noqa: F401
from tests.pipeline.project import Project


@dataclass
class Month:
    """What the `month` fixture leaves: the built project, and what really happened, from a week before on."""

    project: Project
    truth: list[dict]


@pytest.fixture(scope="session")
def target_path(tmp_path_factory):
    """One parse cache for the session: parsing the project costs more than most builds."""
    return tmp_path_factory.mktemp("target")


@pytest.fixture
def project(tmp_path, target_path):
    """The project on an empty warehouse."""
    return Project(tmp_path / "warehouse.duckdb", target_path)


@pytest.fixture(scope="session")
def days(tmp_path_factory, target_path):
    """The warehouse of the five days as it was after each day's build, by the number of pulls."""
    project = Project(tmp_path_factory.mktemp("today") / "warehouse.duckdb", target_path)
    stored = {}
    for number, pull in enumerate(PULLS, start=1):
        load(project, [pull])
        # the law is asked of the last day alone: it reads all of them
        without_tests = () if pull is PULLS[-1] else ("--exclude-resource-type", "test")
        project.build(*without_tests)
        project.has_views = True
        stored[number] = copied(project, tmp_path_factory.mktemp(f"day_{number}"))
    return stored


@pytest.fixture(scope="session")
def whole(tmp_path_factory, target_path):
    """What all five pulls at once give. Not to be altered."""
    project = Project(tmp_path_factory.mktemp("whole") / "warehouse.duckdb", target_path)
    load(project, PULLS)
    project.build()
    return project


@pytest.fixture(scope="session")
def month(tmp_path_factory, target_path):
    """A sandbox bot of 300 users, pulled by the loader on 21 consecutive days; built after the first and the last."""
    folder = tmp_path_factory.mktemp("month")
    project = Project(folder / "warehouse.duckdb", target_path)
    with running(users=300, attributes=80) as sandbox, pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHATFUEL_TOKEN", sandbox.token)
        environment.setenv("CHATFUEL_BOT_ID", sandbox.bot_id)
        environment.setenv("CHATFUEL_BASE_URL", sandbox.url)
        environment.setenv("CHATFUEL_LANDING", str(folder / "landing"))
        environment.setenv("CHATFUEL_DUCKDB_PATH", str(project.path))
        for day in range(21):
            now = sandbox.move_to(day)
            result = CliRunner().invoke(cli, ["pull", "--as-of", now.isoformat()], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            if day == 0:
                project.build()
        project.dbt("build", "--exclude-resource-type", "unit_test")
        truth = sandbox.events(-7, 20)
    return Month(project, truth)


@pytest.fixture(scope="session")
def cases(tmp_path_factory, target_path):
    """A warehouse in which every case is a bot."""
    project = Project(tmp_path_factory.mktemp("cases") / "warehouse.duckdb", target_path)
    with project.connect() as connection:
        write_pulls(connection, PULLS_OF_CASES)
    project.build()
    return project


@pytest.fixture
def case(cases, request):
    """The case that the test is named after: `case.events(...)`, `case.versions(...)`."""
    return Case(cases, request.node.name.removeprefix("test_"))


class Case:
    """What the history made of the bot of one case."""

    def __init__(self, project, bot_id):
        assert bot_id in CASES, f"no case is named {bot_id}"
        self.project, self.bot_id = project, bot_id

    def rows(self, columns, table, where="true"):
        return self.project.query(
            f"select {columns} from {table} where bot_id = '{self.bot_id}' and {where} order by all"
        )

    def events(self, columns="day(observed_at) - 2, chatfuel_user_id, event_type, old_value, new_value"):
        """What happened, beside sightings and what a new user's sign-up sets, as (day, user, event, old, new)."""
        return self.rows(
            columns,
            "chatfuel.fct_chatfuel__user_events",
            "event_type <> 'user_seen' and coalesce(attribute_name, '') <> 'signed up'",
        )

    def versions(self, columns="chatfuel_user_id, attribute_value, start_reason, end_reason"):
        """The versions of the custom attributes, by user, attribute and time."""
        return self.project.query(
            f"select {columns} from chatfuel_intermediate.int_chatfuel__attribute_versions "
            f"where bot_id = '{self.bot_id}' and attribute_name not in ('status', 'signed up') "
            "order by chatfuel_user_id, attribute_name, valid_from"
        )
