"""The story of both warehouses, as Google's analyser sees it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from unittest.mock import patch

import pytest
from dbt.adapters.bigquery import BigQueryAdapter, BigQueryColumn
from dbt.adapters.bigquery.connections import BigQueryAdapterResponse, BigQueryConnectionManager
from dbt.adapters.events.logging import get_node_info
from dbt_common.clients.agate_helper import empty_table, table_from_data_flat

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
        failed: what dbt said of the unit tests that failed.
        analysed: the nodes of which the analyser saw a statement.
        rejected: what the analyser refused.
    """

    story: Story
    oracle: Oracle
    queries: dict[str, str]
    failed: str
    analysed: set[str]
    rejected: list[str]


@pytest.fixture(scope="session")
def judged(story):
    project = story.on_bigquery
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
    for node, script in [*story.first.sent, *story.daily.sent, *queries.items()]:
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
    failed = unit_tests_by_google(story, oracle, nodes)
    return Judged(story, oracle, queries, failed, nodes, rejected)


def unit_tests_by_google(story, oracle, analysed):
    """dbt runs the unit tests, and Google's evaluator is its warehouse: on the emulator they take twice as long.

    Returns:
        What dbt said of those that failed.
    """
    execute, described = BigQueryConnectionManager.execute, BigQueryAdapter.get_columns_in_relation

    def evaluated(self, sql, auto_begin=False, fetch=None, limit=None):
        node = get_node_info().get("unique_id")
        if node not in story.unit_tests:
            return execute(self, sql, auto_begin, fetch, limit)
        if "create or replace table" in sql:
            # dbt wants to know its columns: those of the model
            return BigQueryAdapterResponse(_message="not made"), empty_table()
        analysed.add(node)
        rows = oracle.evaluate(node, sql, {})
        columns = rows[0] if rows else oracle.analyse(node, sql)
        return BigQueryAdapterResponse(_message="evaluated"), table_from_data_flat(rows, columns)

    words = {}
    for node, unit_test in story.unit_tests.items():
        model = story.nodes[unit_test["model"]]
        sent = [sql for sent_by, sql in story.daily.sent if sent_by == model["unique_id"]]
        words[node] = set(re.findall(r"\w+", "\n".join((str(unit_test), model["raw_code"], *sent))))

    def known(self, relation):
        node = get_node_info().get("unique_id")
        if node not in story.unit_tests:
            return described(self, relation)
        if "__dbt_tmp" in relation.identifier:
            columns = story.nodes[story.unit_tests[node]["model"]]["columns"].values()
            return [BigQueryColumn(column["name"], column["data_type"].upper()) for column in columns]
        # columns of which neither the test nor its model says a word take a fifth of the evaluator's time
        columns = oracle.tables[f"{relation.database}.{relation.schema}.{relation.identifier}"].items()
        return [BigQueryColumn(name, kind) for name, kind in columns if name in words[node]]

    with (
        patch.object(BigQueryConnectionManager, "execute", evaluated),
        patch.object(BigQueryAdapter, "get_columns_in_relation", known),
    ):
        try:
            # the evaluator lives in this thread
            story.on_bigquery.dbt("test", "--select", "test_type:unit", "--single-threaded")
        except BuildError as error:
            return str(error)
    return ""


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
