"""README and docs/: every link leads somewhere, and what they list is what there is."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.pipeline.project import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def cells(page, heading):
    """The first column of the table whose header begins with a word, without its marks."""
    table = page.read_text().split(f"\n| {heading} |", 1)[1].split("\n\n")[0]
    return [line.split("|")[1].strip().strip("`") for line in table.splitlines()[2:]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(#[^)]*)?\)", page.read_text())
    missing = [
        target for target, _ in links if "://" not in target and not (page.parent / target).resolve().exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_read_in_minutes(page):
    assert len(page.read_text().splitlines()) <= (150 if page.name == "README.md" else 120)


def test_the_variables_are_those_of_the_project():
    variables = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]
    assert set(cells(ROOT / "docs" / "variables.md", "variable")) == set(variables)


def test_the_tables_are_the_marts():
    marts = {path.stem for path in (ROOT / "models" / "marts").glob("*.sql")}
    assert set(cells(ROOT / "README.md", "table, in schema `chatfuel`")) == marts


def test_the_verbs_are_those_of_the_loader():
    from loader.cli import cli

    described = {verb.split()[0] for verb in cells(ROOT / "README.md", "`python -m loader`")}
    assert described == set(cli.commands)
