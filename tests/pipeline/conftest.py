"""Fixtures of the whole-pipeline tests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from loader.cli import cli
from sandbox.server import running
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
        project.build()
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
