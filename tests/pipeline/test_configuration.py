"""What is wrong with the configuration is said at the start of a run, in human words, before any table is touched."""

from __future__ import annotations

import pytest

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import BuildError


def test_no_pull_loaded_yet(project):
    with pytest.raises(BuildError, match=r"No pull is in .*Load one with `python -m loader pull`"):
        project.build()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"chatfuel_timezone": "Mars/Olympus"}, "'Mars/Olympus', which is no IANA time zone"),
        (
            {"chatfuel_timezone": "US/Pacific-New"},
            "This DuckDB does not know the time zone|no IANA time zone",
        ),
        ({"chatfuel_attribution_days": -1}, "chatfuel_attribution_days is '-1'"),
        ({"chatfuel_attribution_days": "a week"}, "chatfuel_attribution_days is 'a week'"),
        ({"chatfuel_engagement_steps": []}, "chatfuel_engagement_steps names no KPI"),
        ({"chatfuel_opinions": "support"}, "chatfuel_opinions names no KPI"),
        ({"chatfuel_rebuild_from": "yesterday"}, "chatfuel_rebuild_from is 'yesterday', which is no date"),
    ],
)
def test_a_variable_that_cannot_be(project, variables, message):
    with project.connect() as connection:
        write_pulls(connection, [Pull("2024-06-03 07:30:00", {"1": user()})])
    with pytest.raises(BuildError, match=message):
        project.build(variables=variables)
    assert project.query("select count(*) from duckdb_tables() where schema_name <> 'chatfuel_raw'") == [(0,)]


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
    assert "The KPI 'vip' of seeds/kpi_rules.csv" in loaded.run("--select", "int_chatfuel__kpi_versions")
