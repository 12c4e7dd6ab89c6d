"""A step of the history is done whole or not at all, and recorded; nothing else decides what the next build does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import datetime, timedelta

import duckdb
import pytest

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.days import PULLS, load
from tests.pipeline.project import BuildError, Project

# one worker runs all that looks at these five days
pytestmark = pytest.mark.xdist_group("days")

VERSIONS = "chatfuel_intermediate.int_chatfuel__attribute_versions"


class Listening(Project):
    """A project that keeps every statement that dbt sends, as pairs of node and statement."""

    @property
    def listeners(self):
        self.sent = []
        return [self._hear]

    def _hear(self, event):
        if event.info.name == "SQLQuery":
            self.sent.append((getattr(event.data.node_info, "node_name", ""), event.data.sql))


@pytest.fixture(scope="module")
def folded(days, tmp_path_factory):
    """All days but the last, and the last, built too: the file before, the project after."""
    folder = tmp_path_factory.mktemp("steps")
    project = Listening(folder / "warehouse.duckdb", days[4].target_path, has_views=True)
    shutil.copy(days[4].path, project.path)
    load(project, PULLS[-1:])
    before = folder / "before.duckdb"
    shutil.copy(project.path, before)
    project.fold()
    return before, project


def tables(path):
    with duckdb.connect(str(path)) as connection:
        names = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where schema_name in ('chatfuel', 'chatfuel_intermediate')"
        ).fetchall()
        return {name: connection.execute(f"from {name} order by all").fetchall() for (name,) in names}


def steps_of(project):
    return {node: sql for node, sql in project.sent if "begin transaction" in sql and "__steps" in sql}


def test_a_step_that_is_cut_off_at_any_statement_leaves_nothing(folded, tmp_path):
    before, project = folded
    script = steps_of(project)["int_chatfuel__attribute_versions"]
    statements = [statement.strip() for statement in script.split(";\n") if statement.strip()]
    assert statements[-1].startswith("commit transaction")
    whole = tables(before)
    # the views name the file
    copy = tmp_path / project.path.name
    shutil.copy(before, copy)
    for done in range(1, len(statements)):
        with duckdb.connect(str(copy)) as connection:
            for statement in statements[:done]:
                connection.execute(statement)
        assert tables(copy) == whole, f"after {done} of {len(statements)} statements"


def test_a_step_that_was_done_says_so_and_writes_nothing_twice(folded):
    _, project = folded
    done = tables(project.path)
    for node, script in steps_of(project).items():
        with (
            duckdb.connect(str(project.path)) as connection,
            pytest.raises(
                duckdb.Error, match=f"Another build is working on {node}: nothing was written twice"
            ),
        ):
            connection.execute(script)
    assert tables(project.path) == done


def test_a_second_build_is_refused_while_one_has_the_file(folded, tmp_path, target_path):
    before, project = folded
    copy = tmp_path / project.path.name
    shutil.copy(before, copy)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb, sys; c = duckdb.connect({str(copy)!r}); print('open', flush=True); sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(BuildError, match="Conflicting lock is held"):
            Project(copy, target_path).run("--select", "int_chatfuel__pulls")
    finally:
        holder.communicate()
    assert tables(copy) == tables(before)


def test_a_daily_run_names_the_new_pull_of_each_bot_and_nothing_older(tmp_path, target_path):
    """A bot that went quiet a month ago takes no part in what the others' statements read."""
    project = Listening(tmp_path / "warehouse.duckdb", target_path)
    start = datetime(2024, 6, 3, 7, 30)

    def pull(day, bot):
        return Pull((start + timedelta(days=day)).isoformat(" "), {"1": user(a=str(day))}, bot_id=bot)

    with project.connect() as connection:
        write_pulls(connection, [pull(0, "quiet"), pull(0, "busy"), pull(30, "busy")])
    project.dbt("seed")
    project.run("--select", "+config.materialized:pull_by_pull", "int_chatfuel__last_pulls")
    project.has_views = True
    with project.connect() as connection:
        write_pulls(connection, [pull(31, "busy")])
    project.fold()
    scripts = steps_of(project)
    assert len(scripts) > 10
    for node, script in scripts.items():
        assert "'20240704T073000Z'" in script, node
        assert "quiet" not in script, node
        # the defaults of the dates that are filled in, and the broadcasts of a week before, are not older pulls
        assert "2024-06-03" not in script, node
    project.dbt("test", "--select", "fct_chatfuel__user_events_rows_are_valid")
    tested = "\n".join(sql for node, sql in project.sent if "rows_are_valid" in node)
    assert "(bot_id = 'busy' and observed_at >= timestamp '2024-07-04 00:00:00')" in tested
    assert "(bot_id = 'quiet' and observed_at >= timestamp '2024-06-03 00:00:00')" in tested


def test_kpis_are_derived_anew_when_their_rules_change(folded, tmp_path, target_path):
    _, project = folded
    copy = tmp_path / project.path.name
    shutil.copy(project.path, copy)
    changed = Project(copy, target_path, has_views=True)
    with changed.connect() as connection:
        connection.execute("insert into chatfuel_seeds.kpi_rules values ('has_a_z', 'a', 'equals', 'z')")
    changed.run("--select", "int_chatfuel__kpi_versions+")
    days = "select pull_id, sum(total_users)::int from chatfuel_intermediate.int_chatfuel__kpi_totals where kpi = 'has_a_z' group by 1 order by 1"
    assert changed.query(days) == [(pull_id(pull), int(pull is PULLS[-1])) for pull in PULLS]


def pull_id(pull):
    return datetime.fromisoformat(pull.pulled_at).strftime("%Y%m%dT%H%M%SZ")
