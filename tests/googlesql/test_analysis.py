"""What dbt sent to BigQuery, judged by Google's GoogleSQL analyser."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from tests.googlesql.conftest import ALIASES, NOT_ANALYSED, on_bigquery_name
from tests.googlesql.oracle import RejectedError
from tests.pipeline.project import ROOT, BuildError

# on one worker: the builds are the expensive part
pytestmark = pytest.mark.xdist_group("bigquery")


@pytest.mark.googlesql
def test_bigquery_would_accept_every_statement(analysed):
    assert analysed == []


@pytest.mark.googlesql
@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("date_part('day', date '2024-06-03') = 3", "Function not found: date_part"),
        ("'1' = 1", "No matching signature for operator ="),
        ("date '2024-06-03' < timestamp '2024-06-03'", "No matching signature for operator <"),
        ("exists (select 1 union all select 'a')", "incompatible types"),
    ],
)
def test_what_only_bigquery_refuses_is_told_with_the_name_of_the_model(builds, analysed, mistake, words):
    query = builds.first.results["stg_chatfuel__segments"]["compiled_code"]
    with pytest.raises(RejectedError, match=words) as caught:
        builds.oracle.analyse("model.chatfuel.stg_chatfuel__segments", f"{query} where {mistake}")
    assert str(caught.value).startswith("model.chatfuel.stg_chatfuel__segments: ")


@pytest.mark.googlesql
def test_every_model_snapshot_test_and_analysis_was_analysed(builds, analysed):
    first, clump = ({node for node, _ in build.sent} for build in (builds.first, builds.clump))
    for name, node in builds.nodes.items():
        if node["resource_type"] in ("model", "snapshot"):
            assert node["config"]["materialized"] == "ephemeral" or node["unique_id"] in first & clump
        if node["resource_type"] in ("test", "analysis") and name not in NOT_ANALYSED:
            assert node["unique_id"] in builds.queries
    assert {node for node, _ in builds.unit_tests} == builds.unit_test_names


@pytest.mark.googlesql
def test_columns_have_the_types_that_the_documentation_names(builds, analysed):
    wrong = []
    for name, node in builds.nodes.items():
        documented = {
            column["name"]: column["data_type"].upper()
            for column in node.get("columns", {}).values()
            if column["data_type"]
        }
        if node["config"]["materialized"] == "ephemeral":
            continue
        if documented and node["resource_type"] in ("model", "snapshot", "seed"):
            types = builds.oracle.tables[on_bigquery_name(node)]
            wrong += [
                f"{name}.{column}: documented as {kind}, is {types.get(column)}"
                for column, kind in documented.items()
                if types.get(column) != ALIASES.get(kind, kind)
            ]
    assert wrong == []


@pytest.mark.googlesql
def test_on_prod_nothing_of_the_emulator_is_active(builds, analysed, tmp_path, monkeypatch):
    """The marts' DDL as prod sends it: the emulator takes no column list, so dbt fails, after it sent what counts."""
    profiles = yaml.safe_load((ROOT / "profiles.yml").read_text())
    # prod itself, but for what signs in
    profiles["chatfuel"]["outputs"]["prod"] |= {"method": "oauth-secrets", "token": "none", "job_retries": 0}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profiles))
    monkeypatch.setenv("CHATFUEL_ENVIRONMENT", "production")
    prod = replace(builds.on_bigquery, target="prod", profiles=tmp_path, target_path=tmp_path)
    sent = []
    for mart in ("fct_chatfuel__broadcasts", "fct_chatfuel__user_events"):
        with pytest.raises(BuildError, match=mart):
            prod.run("--full-refresh", "--select", mart)
        sent += prod.sent
    created = {node.split(".")[-1]: sql for node, sql in sent if "create or replace table" in sql}
    assert "primary key (event_key) not enforced" in created["fct_chatfuel__user_events"]
    assert "partition by timestamp_trunc(observed_at, day)" in created["fct_chatfuel__user_events"]
    assert "cluster by bot_id, event_type" in created["fct_chatfuel__user_events"]
    assert '("environment", "production")' in created["fct_chatfuel__user_events"].replace("'", '"')
    assert "primary key (broadcast_key) not enforced" in created["fct_chatfuel__broadcasts"]
    for node, statement in sent:
        builds.oracle.analyse(node, statement)
