"""The project on BigQuery, by everything short of BigQuery: two builds on the emulator, beside the same two on DuckDB."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pytest

from tests.emulator.compare import relations
from tests.emulator.scenario import DAYS, load_days
from tests.emulator.warehouse import GCP_PROJECT, EmulatedProject
from tests.googlesql.oracle import Oracle, RejectedError
from tests.pipeline.bots import RAW_SCHEMA
from tests.pipeline.project import Project

DATASET = "googlesql"
ALIASES = {"INTEGER": "INT64", "BIGINT": "INT64", "BOOLEAN": "BOOL", "VARCHAR": "STRING", "DOUBLE": "FLOAT64"}
# What the analyser is not asked, each with the reason.
NOT_ANALYSED = {"cost_per_model": "INFORMATION_SCHEMA is BigQuery's own: no catalogue here has it"}
# A temporary table has no dataset; the oracle's tables all have one.
STEP_ROWS = f"`{GCP_PROJECT}`.`{DATASET}_temporary`.`chatfuel_step_rows`"
_STEP_QUERY = re.compile(
    r"create or replace temp table chatfuel_step_rows as \((.*?)\n\s*\);\n\s*delete from"
    r"|select [\w, ]+ from \(\n(.*?)\n\s*\) as step_rows;",
    re.DOTALL,
)


@dataclass
class Build:
    """One build on both warehouses.

    Attributes:
        sent: what dbt sent to BigQuery, as pairs of node and statement.
        results: dbt's results on BigQuery, by name of the node; each holds the compiled code.
        rows: what DuckDB holds after the build, by name of the relation there; views too.
    """

    sent: list[tuple[str, str]]
    results: dict[str, dict]
    rows: dict[str, list[dict]]

    def statements(self) -> Iterator[tuple[str, str]]:
        """Node and statement, one by one: a step is a script of several."""
        for node, sent in self.sent:
            for statement in sent.split(";\n") if "begin transaction" in sent else [sent]:
                statement = statement.replace("temp table", "table").replace("chatfuel_step_rows", STEP_ROWS)
                if not re.search(r"(begin|commit) transaction;?\s*$|^\s*$", statement):
                    yield node, statement

    def step_queries(self, node: str) -> list[str]:
        """What a model that is derived pull by pull asked for in each of its steps."""
        return [
            next(filter(None, match.groups()))
            for sent_by, sent in self.sent
            if sent_by == node and (match := _STEP_QUERY.search(sent))
        ]


@dataclass
class Builds:
    """Builds after the first day, and after three more at once; and what dbt knows of the project.

    Attributes:
        queries: what dbt compiles the data tests and analyses to, by their node.
        unit_tests: what dbt sent for its unit tests, as pairs of node and statement; they passed on the emulator.
        unit_test_names: all that there are.
    """

    on_bigquery: EmulatedProject
    first: Build
    clump: Build
    nodes: dict[str, dict]
    oracle: Oracle
    queries: dict[str, str]
    unit_tests: list[tuple[str, str]]
    unit_test_names: Collection[str]


@pytest.fixture(scope="session")
def builds(tmp_path_factory, emulator):
    folder = tmp_path_factory.mktemp("googlesql")
    on_duckdb = Project(folder / "warehouse.duckdb", folder / "target_duckdb")
    on_bigquery = EmulatedProject(on_duckdb.path, folder / "target_bigquery", emulator, DATASET)

    def build(*days, arguments):
        load_days(on_duckdb, *days)
        on_duckdb.build("--exclude-resource-type", "test")
        on_bigquery.load()
        on_bigquery.build(*arguments)
        results = json.loads((on_bigquery.target_path / "run_results.json").read_text())["results"]
        by_name = {result["unique_id"].split(".")[2]: result for result in results}
        return Build(list(on_bigquery.sent), by_name, relations(on_duckdb))

    built = build(DAYS[0], arguments=("--exclude-resource-type", "test")), build(*DAYS[1:], arguments=())
    manifest = json.loads((on_bigquery.target_path / "manifest.json").read_text())
    nodes = {node["name"]: node for node in manifest["nodes"].values()}
    on_bigquery.dbt("test", "--select", "test_type:unit")
    unit_tests = [(node, statement) for node, statement in on_bigquery.sent if node.startswith("unit_test.")]
    on_bigquery.dbt("compile", "--exclude-resource-type", "model", "seed", "snapshot", "unit_test")
    compiled = json.loads((on_bigquery.target_path / "run_results.json").read_text())["results"]
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
    for node in nodes.values():
        if node["resource_type"] == "seed":
            # dbt loads seeds through the API: there is no statement to learn their columns from
            table = on_bigquery.client.get_table(f"{node['schema']}.{node['alias']}", retry=None, timeout=30)
            columns = {field.name: ALIASES.get(field.field_type, field.field_type) for field in table.schema}
            oracle.define(on_bigquery_name(node), columns)
    return Builds(on_bigquery, *built, nodes, oracle, queries, unit_tests, manifest["unit_tests"].keys())


@pytest.fixture(scope="session")
def analysed(builds):
    """What the analyser refused."""
    rejected = []
    for node, statement in dict.fromkeys(
        [
            *builds.first.statements(),
            *builds.clump.statements(),
            *builds.unit_tests,
            *builds.queries.items(),
        ]
    ):
        try:
            builds.oracle.analyse(node, statement)
        except RejectedError as error:
            rejected.append(str(error))
    return rejected


def on_bigquery_name(node):
    return f"{node['database']}.{node['schema']}.{node['alias']}"


def on_duckdb_name(node):
    return f"{node['schema'].replace(DATASET, 'chatfuel', 1)}.{node['alias']}"
