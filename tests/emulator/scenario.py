"""The cases of the history as days: what tests on both warehouses load."""

from __future__ import annotations

from tests.pipeline.bots import Pull, write_pulls
from tests.pipeline.project import Project
from tests.pipeline.test_history_cases import CASES

DAYS = ["2024-06-03", "2024-06-04", "2024-06-05", "2024-06-06"]


def load_days(project: Project, *days: str) -> None:
    """Writes the pulls of some days, every case as a bot of its own, into the raw tables of a DuckDB file."""
    with project.connect() as connection:
        for case, pulls in CASES.items():
            for pull in pulls:
                pull = pull if isinstance(pull, Pull) else Pull(*pull)
                pull.bot_id = case
                if pull.pulled_at[:10] in days:
                    write_pulls(connection, [pull])
