"""What is wrong with the configuration is said at the start of a run, in human words, before any table is touched."""

from __future__ import annotations

import pytest

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import BuildError


@pytest.mark.parametrize(
    ("variable", "nonsense"),
    [
        ("chatfuel_timezone", ""),
        ("chatfuel_timezone", "Berlin'"),
        ("chatfuel_raw_schema", 3),
        ("chatfuel_kpi_rules", None),
        ("chatfuel_attribution_days", "seven"),
        ("chatfuel_dashboard_min_group", -1),
        ("chatfuel_kpi_columns", "hero"),
        ("chatfuel_engagement_steps", []),
        ("chatfuel_opinions", [1]),
        ("chatfuel_volatile_attributes", "sessions"),
        ("chatfuel_pii_attributes", {"a": 1}),
        ("chatfuel_hash_pii", "yes"),
        ("chatfuel_accept_history_loss", "no"),
        ("chatfuel_rebuild_from", "20 June"),
        ("chatfuel_raw_retention_days", 0),
    ],
)
def test_nonsense_in_a_variable_is_named(project, variable, nonsense):
    with pytest.raises(BuildError, match=f"The variable {variable} is .*Set it to"):
        project.dbt("run-operation", "check_variables", variables={variable: nonsense})


def test_variables_are_looked_at_when_dbt_parses(project):
    with pytest.raises(
        BuildError, match=r"The variable chatfuel_hash_pii is 'yes'\. Set it to true or false"
    ):
        project.dbt("parse", "--no-partial-parse", variables={"chatfuel_hash_pii": "yes"})


def test_a_time_zone_that_the_warehouse_does_not_know_is_refused_before_a_table_is_made(project):
    with project.connect() as connection:
        write_pulls(connection, [Pull("2024-06-03 07:30:00", {"1": user()})])
    with pytest.raises(
        BuildError, match=r"The variable chatfuel_timezone is 'Mars/Olympus'.*that the warehouse knows"
    ):
        project.run("--select", "+int_chatfuel__pulls", variables={"chatfuel_timezone": "Mars/Olympus"})
    assert project.query(
        "select count(*) from duckdb_tables() where schema_name in ('chatfuel', 'chatfuel_intermediate')"
    ) == [(0,)]


@pytest.fixture
def loaded(project):
    """One pull loaded, and the rules seeded."""
    with project.connect() as connection:
        write_pulls(connection, [Pull("2024-06-03 07:30:00", {"1": user()})])
    project.run("--select", "+int_chatfuel__attribute_versions")
    project.dbt("seed")
    return project


def test_an_unknown_match_in_kpi_rules(loaded):
    with loaded.connect() as connection:
        connection.execute("update chatfuel_seeds.kpi_rules set match = 'like' where kpi = 'emails'")
    with pytest.raises(BuildError, match="the rule of 'emails' on 'email' has the match 'like'"):
        loaded.run("--select", "int_chatfuel__kpi_versions")


def test_a_kpi_that_no_column_shows(loaded):
    with loaded.connect() as connection:
        connection.execute("insert into chatfuel_seeds.kpi_rules values ('vip', 'vip', 'equals', 'yes')")
    assert "The KPI 'vip' of kpi_rules" in loaded.run("--select", "int_chatfuel__kpi_versions")
