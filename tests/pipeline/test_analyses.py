"""The worked questions of analyses/ run on what the loader and dbt make of a sandbox bot, and give an answer."""

from __future__ import annotations

import itertools

import pytest

from tests.pipeline.project import ROOT

# one worker of pytest-xdist runs them all, on one build
pytestmark = pytest.mark.xdist_group("month")

QUESTIONS = sorted(path.stem for path in (ROOT / "analyses").glob("*.sql"))


@pytest.fixture(scope="module")
def compiled(month):
    """Every question, as dbt compiles it for the month's warehouse."""
    month.project.dbt("compile", "--select", "path:analyses")
    folder = month.project.target_path / "compiled" / "chatfuel" / "analyses"
    return {path.stem: path.read_text() for path in folder.glob("*.sql")}


def test_there_are_seven_questions(compiled):
    assert len(QUESTIONS) == 7
    assert sorted(compiled) == QUESTIONS


@pytest.mark.parametrize("path", sorted((ROOT / "analyses").rglob("*.sql")), ids=lambda path: path.stem)
def test_a_question_is_asked_in_the_first_lines_and_how_to_read_the_answer(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("{{ config")]
    comment = "".join(itertools.takewhile(lambda line: line.startswith("-- "), lines))
    question, answer = comment.split("-- How to read: ")
    assert "?" in question
    assert answer


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_an_answer(compiled, month, question):
    assert month.project.query(compiled[question])
