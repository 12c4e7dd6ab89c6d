"""README and docs/: every link leads somewhere, and what they list is what there is."""

from __future__ import annotations

import re

import pytest

from docs import variables
from tests.pipeline.project import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = [
    ROOT / name
    for name in ("CONTRIBUTING.md", "CHANGELOG.md", "DECISIONS.md", "looker/README.md", "tests/README.md")
]
# of the repository on GitHub, beside its files
GITHUB = ("../../deployments/github-pages",)


def cells(page, heading):
    """The first column of the table whose header begins with a word, without its marks."""
    table = page.read_text().split(f"\n| {heading} |", 1)[1].split("\n\n")[0]
    return [line.split("|")[1].strip().strip("`") for line in table.splitlines()[2:]]


def anchors(page):
    """What a link may name of a page: its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text()):
        if "://" in target or target in GITHUB:
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_read_in_minutes(page):
    assert len(page.read_text().splitlines()) <= (150 if page.name == "README.md" else 120)


def test_the_page_of_variables_is_made_from_the_project():
    assert variables.PAGE.read_text() == variables.page(), "run `python -m docs.variables`"


def test_the_tables_are_the_marts():
    marts = {path.stem for path in (ROOT / "models" / "marts").glob("*.sql")}
    assert set(cells(ROOT / "README.md", "table, in schema `chatfuel`")) == marts


def test_the_verbs_are_those_of_the_loader():
    from loader.cli import cli

    described = {verb.split()[0] for verb in cells(ROOT / "README.md", "`python -m loader`")}
    assert described == set(cli.commands)


def test_the_way_of_a_pull_names_each_file_once():
    picture = (ROOT / "docs" / "design.md").read_text().split("```mermaid\n")[1].split("```")[0]
    folder, places = "", []
    for line in picture.splitlines():
        folder = line.split()[1] if "subgraph" in line else "" if line.strip() == "end" else folder
        places += [folder + place for place in re.findall(r'\["([\w./]+)<br/>', line)]
    assert len(places) == len(set(places)) == 14
    assert [place for place in places if not (ROOT / place).exists()] == []
