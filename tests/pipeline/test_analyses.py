"""The worked questions of analyses/ run on what the loader and dbt make of a sandbox bot, and give an answer."""

from __future__ import annotations

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from tests.pipeline.project import ROOT

# one worker of pytest-xdist runs them all, on one build
pytestmark = pytest.mark.xdist_group("month")

QUESTIONS = sorted(path.stem for path in (ROOT / "analyses").glob("*.sql"))


@pytest.fixture(scope="module")
def compiled(month):
    """Every question, as dbt compiles it for the month's warehouse."""
    folders = ("--project-dir", str(ROOT), "--profiles-dir", str(ROOT))
    target = str(month.project.target_path)
    result = dbtRunner().invoke(
        [
            "compile",
            "--quiet",
            "--select",
            "path:analyses",
            *folders,
            "--target-path",
            target,
            "--log-path",
            target,
        ]
    )
    DuckDBConnectionManager.close_all_connections()
    assert result.success
    return {node.node.name: node.node.compiled_code for node in result.result.results}


def test_there_are_eight_questions(compiled):
    assert len(QUESTIONS) == 8
    assert sorted(compiled) == QUESTIONS


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_an_answer(compiled, month, question):
    assert month.project.query(compiled[question])
