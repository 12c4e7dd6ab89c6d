"""`pull_by_pull` does what a user of dbt expects of a materialization."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import yaml
from dbt.artifacts.resources import ColumnInfo, Hook
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ModelNode

from tests.pipeline.days import PULLS, copied, load
from tests.pipeline.project import ROOT, BuildError, Project

# one worker runs all that looks at these five days
pytestmark = pytest.mark.xdist_group("days")

MODEL = "int_chatfuel__attribute_versions"
TABLE = f"chatfuel_intermediate.{MODEL}"
EVENTS = "fct_chatfuel__user_events"


@dataclass
class Altered(Project):
    """The project as its user has configured it: `alter` is given the model of these tests."""

    alter: Callable[[ModelNode], None] = field(default=lambda _: None, kw_only=True)

    def manifest(self, variables: dict | None) -> Manifest:
        manifest = super().manifest(variables)
        self.alter(manifest.nodes[f"model.chatfuel.{MODEL}"])
        return manifest


@pytest.fixture
def altered(days, tmp_path):
    """A function that gives the project of the fourth day with the fifth pull, its model altered."""

    def alter(change):
        copy = copied(days[4], tmp_path)
        load(copy, PULLS[4:])
        copy.run("--select", "int_chatfuel__pulls")
        return Altered(copy.path, copy.target_path, alter=change)

    return alter


def test_hooks_run_before_and_after_the_steps(altered):
    def change(model):
        model.config.pre_hook = [
            Hook(sql=f"create table hooked as select count(*) as rows_there from {TABLE}")
        ]
        model.config.post_hook = [Hook(sql="insert into hooked select count(*) from {{ this }}")]

    project = altered(change)
    project.run("--select", MODEL)
    before, after = project.query("select rows_there from hooked")
    assert before < after == project.query(f"select count(*) from {TABLE}")[0]


def with_another_column(model):
    model.raw_code = model.raw_code.replace("select * from final", "select *, 'new' as note from final")
    model.columns["note"] = ColumnInfo("note", data_type="string")


def test_a_new_column_of_the_contract_is_added_where_on_schema_change_says_so(altered):
    def change(model):
        with_another_column(model)
        model.config.on_schema_change = "append_new_columns"

    project = altered(change)
    project.run("--select", MODEL)
    assert project.query(f"select distinct note from {TABLE} order by note") == [("new",), (None,)]


def test_else_it_is_refused_with_the_command_that_derives_the_table_anew(altered):
    project = altered(with_another_column)
    before = project.table(TABLE)
    with pytest.raises(BuildError, match=rf"missing: note.*dbt build --full-refresh --select {MODEL}\+"):
        project.run("--select", MODEL)
    assert project.table(TABLE) == before


def test_a_table_that_is_never_to_be_refreshed_outlives_a_full_refresh(altered):
    def change(model):
        model.config.full_refresh = False

    project = altered(change)
    with project.connect() as connection:
        connection.execute(f"update {TABLE} set start_reason = 'by hand' where valid_to is null")
    project.run("--select", MODEL, "--full-refresh")
    assert project.query(f"select count(*) > 0 from {TABLE} where start_reason = 'by hand'") == [(True,)]


def test_descriptions_are_kept_in_the_warehouse_where_that_is_asked_for(altered):
    def change(model):
        model.config.persist_docs = {"relation": True, "columns": True}

    project = altered(change)
    project.run("--select", MODEL)
    (comment,) = project.query(f"select comment from duckdb_tables() where table_name = '{MODEL}'")[0]
    assert "one row per" in comment


def test_an_empty_run_makes_the_tables_and_does_no_step(project):
    load(project, PULLS)
    project.dbt("seed")
    project.run("--empty")
    assert project.table(TABLE) == []
    assert project.query(f"select count(*) from {TABLE}__steps where bot_id <> ''") == [(0,)]


def test_what_a_retry_finds_undone_is_done(days, whole, tmp_path):
    project = copied(days[4], tmp_path)
    broken = Altered(
        project.path, tmp_path / "target", alter=lambda model: setattr(model, "raw_code", "select")
    )
    load(project, PULLS[4:])
    project.run("--select", f"+{MODEL}", "--exclude", MODEL)
    with pytest.raises(BuildError, match=MODEL):
        broken.dbt("run", "--select", f"{MODEL} {EVENTS}")
    Project(project.path, tmp_path / "target").dbt("retry")
    assert [project.table(table) for table in (TABLE, f"chatfuel.{EVENTS}")] == [
        whole.table(table) for table in (TABLE, f"chatfuel.{EVENTS}")
    ]


@pytest.fixture(scope="module")
def her_profiles(tmp_path_factory):
    """Profiles of somebody who works in a schema of their own."""
    profiles = yaml.safe_load((ROOT / "profiles.yml").read_text())
    profiles["chatfuel"]["outputs"]["dev"]["schema"] = "ann"
    folder = tmp_path_factory.mktemp("ann")
    (folder / "profiles.yml").write_text(yaml.safe_dump(profiles))
    return folder


@pytest.fixture
def developer(days, her_profiles, tmp_path):
    """The warehouse of the fourth day, in which she works; the state is beside it."""
    state = ("--state", str(days[4].target_path))
    return Project(copied(days[4], tmp_path).path, tmp_path / "target", profiles=her_profiles), state


def test_a_deferred_run_reads_what_production_has(developer):
    project, state = developer
    project.run("--select", MODEL, "--defer", *state)
    assert project.table(f"ann_intermediate.{MODEL}") == project.table(TABLE)
    assert project.query("select distinct table_name from duckdb_tables() where schema_name like 'ann%' order by 1") == [
        (MODEL,), (f"{MODEL}__steps",),
    ]  # fmt: skip


def test_a_clone_shows_production_and_is_built_on(developer):
    project, state = developer
    project.dbt("clone", "--select", MODEL, *state)
    assert project.table(f"ann_intermediate.{MODEL}") == project.table(TABLE)
    project.run("--select", MODEL, "--defer", *state)
    assert project.table(f"ann_intermediate.{MODEL}") == project.table(TABLE)
