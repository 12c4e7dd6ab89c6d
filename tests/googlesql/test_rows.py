"""Google's own evaluator gives the rows of DuckDB: of every model, at a day's build."""

from __future__ import annotations

import re

import pytest

from tests.emulator.compare import comparable, difference
from tests.emulator.scenario import DATASET
from tests.emulator.warehouse import GCP_PROJECT
from tests.googlesql.conftest import on_bigquery_name, on_duckdb_name, step_sql
from tests.pipeline.bots import RAW_SCHEMA

pytestmark = [pytest.mark.googlesql, pytest.mark.xdist_group("bigquery"), pytest.mark.timeout(1500)]


def test_google_s_own_evaluator_gives_the_rows_of_duckdb(judged):
    different, story = [], judged.story
    for name, node in story.nodes.items():
        # a snapshot is several statements; tests/emulator runs them
        if node["resource_type"] != "model" or node["config"]["materialized"] == "ephemeral":
            continue
        table = on_duckdb_name(node)
        if node["config"]["materialized"] != "pull_by_pull":
            derived = evaluate(judged, node, story.daily.results[name]["compiled_code"], story.daily.rows)
            if comparable(derived) != comparable(story.daily.rows[table]):
                different.append(f"{name}: {difference(derived, story.daily.rows[table])}")
            continue
        (query,) = step_sql(story.daily, node)
        # it reads itself as it stood before
        known = story.first.rows[table]
        changes = evaluate(judged, node, query, {**story.daily.rows, table: known})
        derived = merged(known, changes, node["config"]["unique_key"])
        if comparable(derived) != comparable(story.daily.rows[table]):
            different.append(f"{name}: {difference(derived, story.daily.rows[table])}")
    assert different == []


def evaluate(judged, node, query, rows):
    names = {
        on_duckdb_name(known): on_bigquery_name(known)
        for known in judged.story.nodes.values()
        if "alias" in known
    }
    names |= {
        f"chatfuel_raw.{table}": f"{GCP_PROJECT}.{DATASET}_raw.{table}" for table in RAW_SCHEMA["tables"]
    }
    # a column of which the query says no word, and that it does not give, takes time for nothing; rows that it
    # counts have one all the same
    words = {*re.findall(r"\w+", query), *node["columns"], "bot_id"}
    contents = {
        names[name]: [{column: row[column] for column in row if column in words} for row in rows[name]]
        for name in rows
        if name in names
    }
    return judged.oracle.evaluate(node["unique_id"], query, contents)


def merged(rows, changes, unique_key):
    if not unique_key:
        return rows + changes
    return list(({row[unique_key]: row for row in rows} | {row[unique_key]: row for row in changes}).values())
