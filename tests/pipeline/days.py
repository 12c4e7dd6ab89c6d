"""Five pulls of a small bot, whose history many tests look at: built day by day, and at once (`conftest.py`)."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import Project

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


def load(project: Project, pulls: list[Pull]) -> None:
    """Writes pulls into the raw tables."""
    with project.connect() as connection:
        write_pulls(connection, pulls)


def facts(project: Project) -> dict[str, list[tuple]]:
    """Every table but the snapshots, which hold what each build saw and not each pull."""
    return {
        name: rows for name, rows in project.tables().items() if not name.startswith("chatfuel_snapshots")
    }


def derived(project: Project) -> dict[str, list[tuple]]:
    """The tables that are derived pull by pull, and the steps of each."""
    tables = facts(project)
    return {name: rows for name, rows in tables.items() if f"{name.removesuffix('__steps')}__steps" in tables}


def copied(project: Project, folder: Path, *, has_views: bool = True) -> Project:
    """A copy, to alter; of the same name, for views hold the name of the file."""
    return Project(Path(shutil.copy(project.path, folder)), project.target_path, has_views=has_views)
