"""The story of both warehouses, as Google's analyser sees it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest

from tests.emulator.scenario import DATASET, Story
from tests.emulator.warehouse import GCP_PROJECT
from tests.googlesql.oracle import Oracle, RejectedError
from tests.pipeline.bots import RAW_SCHEMA
from tests.pipeline.project import BuildError

ALIASES = {"INTEGER": "INT64", "BIGINT": "INT64", "BOOLEAN": "BOOL", "VARCHAR": "STRING", "DOUBLE": "FLOAT64"}
# What the analyser is not asked, each with the reason.
NOT_ANALYSED = {"cost_per_model": "INFORMATION_SCHEMA is BigQuery's own: no catalogue here has it"}
LITERAL = re.compile(r"'[^']*'|\b\d+\b")
# dbt's own, around SQL that is sent again
ASKS_FOR_COLUMNS = "where false and current_timestamp() = current_timestamp()"
STEP_ROWS = re.compile(
    r"temp table chatfuel_step_rows as \(\n(.*?)\n\s*\);\n|from \(\n(.*)\n\s*\) as step_rows;", re.DOTALL
)


@dataclass
class Judged:
    """The story, and what Google's analyser says of it.

    Attributes:
        queries: what dbt compiles the data tests and analyses to, by their node.
        unit_tests: what dbt sent for its unit tests, as pairs of node and statement.
        failed: what dbt said of those that failed on the emulator.
        analysed: the nodes of which the analyser saw a statement.
        rejected: what the analyser refused.
    """

    story: Story
    oracle: Oracle
    queries: dict[str, str]
    unit_tests: list[tuple[str, str]]
    failed: str
    analysed: set[str]
    rejected: list[str]


@pytest.fixture(scope="session")
def judged(story):
    project = story.on_bigquery
    failed = ""
    try:
        project.dbt("test", "--select", "test_type:unit")
    except BuildError as error:
        failed = str(error)
    unit_tests = [(node, statement) for node, statement in project.sent if node.startswith("unit_test.")]
    project.dbt("compile")
    compiled = json.loads((project.target_path / "run_results.json").read_text())["results"]
    queries = {
        result["unique_id"]: result["compiled_code"]
        for result in compiled
        if result["unique_id"].split(".")[0] in ("test", "analysis")
        and result["unique_id"].split(".")[2] not in NOT_ANALYSED
    }
    oracle = Oracle()
    for table, spec in RAW_SCHEMA["tables"].items():
        columns = RAW_SCHEMA["pull_columns"] + spec["columns"]
        oracle.define(f"{GCP_PROJECT}.{DATASET}_raw.{table}", {c["name"]: c["type"] for c in columns})
    for node in story.nodes.values():
        if node["resource_type"] == "seed":
            # dbt loads seeds through the API: there is no statement to learn their columns from
            table = project.client.get_table(f"{node['schema']}.{node['alias']}", retry=None, timeout=30)
            columns = {field.name: ALIASES.get(field.field_type, field.field_type) for field in table.schema}
            oracle.define(on_bigquery_name(node), columns)
    rejected = []
    analysed = set()
    builds = (story.first, story.second, story.clump)
    for node, script in [*(s for b in builds for s in b.sent), *unit_tests, *queries.items()]:
        for statement in statements(script):
            # one that differs in its literals alone says nothing new, and each takes a tenth of a second
            form = (node, LITERAL.sub("", statement))
            if form in analysed or ASKS_FOR_COLUMNS in statement:
                continue
            analysed.add(form)
            try:
                oracle.analyse(node, statement)
            except RejectedError as error:
                rejected.append(str(error))
    nodes = {node for node, _ in analysed}
    return Judged(story, oracle, queries, unit_tests, failed, nodes, rejected)


def statements(script):
    """The statements of a script of a step, or the one statement that it is."""
    if "begin transaction" not in script:
        return [script]
    temporary = f"`{GCP_PROJECT}`.`{DATASET}`.`chatfuel_step_rows`"
    named = script.replace("temp table", "table").replace("chatfuel_step_rows", temporary)
    parts = [part.strip() for part in named.split(";\n")]
    return [
        part for part in parts if part and not re.search(r"(begin|commit) transaction;?$|^drop table", part)
    ]


def step_sql(build, node):
    """The queries of the steps that a build did of a model derived pull by pull."""
    scripts = [
        sql for sent_by, sql in build.sent if sent_by == node["unique_id"] and "begin transaction" in sql
    ]
    found = [STEP_ROWS.search(script) for script in scripts]
    return [match[1] or match[2] for match in found]


def on_bigquery_name(node):
    return f"{node['database']}.{node['schema']}.{node['alias']}"


def on_duckdb_name(node):
    return f"{node['schema']}.{node['alias']}"
