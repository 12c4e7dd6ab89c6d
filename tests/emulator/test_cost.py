"""docs/bigquery.md says what `make cost` computes of the story's build."""

from __future__ import annotations

import re

import pytest

from benchmarks.cost import table
from tests.pipeline.project import ROOT

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("bigquery"), pytest.mark.timeout(1500)]

LINE = re.compile(r"^\| (?:\*\*)?(\S.*?)(?:\*\*)? \| (?:\*\*)?(\d+\.\d)", re.MULTILINE)


def gigabytes(text):
    return {name: float(size) for name, size in LINE.findall(text)}


def test_the_documentation_has_the_bytes_of_the_build(story):
    computed = gigabytes(table(story.on_bigquery.target_path))
    page = (ROOT / "docs" / "bigquery.md").read_text().split("**What it costs.**")[1]
    documented = gigabytes(page)
    assert computed["`int_chatfuel__attribute_versions`"] > 1
    # the story's build leaves out the tests of single tables, which the page has too
    models = {name: size for name, size in computed.items() if name.startswith("`")}
    assert models.keys() <= documented.keys()
    # rounded
    assert {name: documented[name] for name in models} == pytest.approx(models, abs=0.11)
