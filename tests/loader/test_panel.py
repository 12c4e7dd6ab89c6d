"""A pull from the panel: an export a channel, waited for, fetched, counted, and loaded into the same tables."""

import pyarrow as pa
import pytest

from loader.forget import find_user, forget_user
from loader.landing import Landing
from loader.panel import moments
from tests.loader.conftest import PULL_ID
from tests.loader.helpers import TABLES, landed_csv

CHANNELS = ["facebook", "instagram", "tiktok", "whatsapp", "widget"]


@pytest.fixture
def panel(sandbox, monkeypatch):
    """The sandbox's panel, as it was before the test."""
    found = sandbox.application.panel
    for name, value in {"tasks": {}, "hidden": {}, "defaults": {}, "header": list, "seconds": 0}.items():
        monkeypatch.setattr(found, name, value)
    return found


@pytest.fixture
def on_panel(panel, environment, pull, sandbox, monkeypatch):
    """Return a function that pulls bot A from the panel."""
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botA@panel")
    monkeypatch.setenv("CHATFUEL_PANEL_URL", f"{sandbox.url}/panel")
    return pull


def test_everything_served_is_in_the_warehouse(on_panel, query, folder):
    assert on_panel().exit_code == 0
    served = [row for channel in CHANNELS for row in landed_csv(folder, f"users-{channel}")]
    names = {name for row in served for name in row} - {"chatfuel user id", "joined"}
    values = {(row["chatfuel user id"], name, row[name]) for row in served for name in names if row[name]}
    found = query(
        "select chatfuel_user_id, attribute_name, attribute_value from user_attributes where attribute_name <> 'joined'"
    )
    assert len(found) == len(values)
    assert set(found) == values
    assert {name for (name,) in query("select attribute_name from attributes")} == names | {"joined"}
    assert query("select surface, source from pulls") == [("panel", "api")]


def test_each_user_has_the_channel_of_the_export(on_panel, query, folder):
    on_panel()
    for channel in CHANNELS:
        ids = {row["chatfuel user id"] for row in landed_csv(folder, f"users-{channel}")}
        rows = query(f"select chatfuel_user_id from users where channel = '{channel}'")
        assert ids
        assert {user for (user,) in rows} == ids


def test_system_attributes_fill_the_columns_of_users_and_what_the_panel_does_not_know_is_empty(
    on_panel, query
):
    on_panel()
    assert query(
        "select count(first_name) > 0, count(locale) > 0, count(status), count(sessions), count(signed_up) from users"
    ) == [(True, True, 0, 0, 0)]


def test_milliseconds_become_moments_where_the_catalogue_says_datetime(on_panel, query):
    on_panel()
    rows = query(
        "select attribute_value from user_attributes where attribute_name = 'joined' and attribute_value !~ '^20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$'"
    )
    assert rows == []
    assert query("select data_type from attributes where attribute_name = 'joined'") == [("datetime",)]


def test_a_moment_is_that_of_its_milliseconds():
    texts = pa.array(["1717425000007", "-1", "0", "soon", None, "2024-06-03 14:30:00"])
    assert moments(texts).to_pylist() == [
        "2024-06-03 14:30:00", "1969-12-31 23:59:59", "1970-01-01 00:00:00", "soon", None, "2024-06-03 14:30:00",
    ]  # fmt: skip


def test_columns_may_be_called_by_the_aliases_of_the_catalogue(panel, on_panel, query):
    panel.header = lambda names: [name.title() if name == "first name" else name for name in names]
    assert on_panel().exit_code == 0
    assert query("select count(first_name) > 0 from users") == [(True,)]
    assert query("select count(*) > 0 from user_attributes where attribute_name = 'first name'") == [(True,)]


@pytest.mark.parametrize("column", ["Contact ID", "id"])
def test_the_id_may_be_in_another_column(panel, on_panel, query, column):
    panel.header = lambda names: [column, *names[1:]]
    assert on_panel().exit_code == 0
    assert query("select count(*) from users where chatfuel_user_id ~ '^[0-9]{16,}$'")[0][0] > 100


def test_without_a_column_for_the_id_the_header_is_told_and_a_setting_names_it(
    panel, on_panel, run, query, monkeypatch
):
    panel.header = lambda names: ["who", *names[1:]]
    refused = on_panel()
    assert refused.exit_code == 5
    assert "CHATFUEL_PANEL_ID_COLUMN" in refused.stderr
    assert "'who'" in refused.stderr
    monkeypatch.setenv("CHATFUEL_PANEL_ID_COLUMN", "who")
    assert on_panel().exit_code == 0
    assert query("select count(*) from users")[0][0] > 100


def test_an_attribute_of_the_catalogue_that_no_export_has_refuses_the_pull(panel, on_panel):
    panel.header = lambda names: ["other" if name == "segment" else name for name in names]
    result = on_panel()
    assert result.exit_code == 5
    assert "'segment'" in result.stderr


def test_the_ledger_row_counts_what_the_tables_hold(on_panel, query):
    on_panel()
    columns = ", ".join(f"{table}_rows" for table in TABLES)
    counts = tuple(query(f"select count(*) from {table}")[0][0] for table in TABLES)
    assert query(f"select {columns} from pulls") == [counts]


def test_a_bot_on_each_surface_in_one_run(on_panel, query, monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botA@panel,botB")
    assert on_panel().exit_code == 0
    assert query("select bot_id, surface from pulls") == [("botA", "panel"), ("botB", "classic")]


def test_the_surface_of_all_bots_is_a_setting(on_panel, query, monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botA")
    monkeypatch.setenv("CHATFUEL_SURFACE", "panel")
    assert on_panel().exit_code == 0
    assert query("select surface from pulls") == [("panel",)]


@pytest.mark.parametrize("bots", ["botA@moon", "botA@panel,botA@classic"])
def test_a_surface_that_is_none_or_two_is_refused(on_panel, monkeypatch, bots):
    monkeypatch.setenv("CHATFUEL_BOT_ID", bots)
    result = on_panel()
    assert result.exit_code == 2
    assert "classic or panel" in result.stderr


def test_a_bot_that_moves_is_not_refused_for_what_the_other_surface_lists(on_panel, run, query, monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botA")
    run("pull", "--as-of", "2024-06-02T07:30:00Z")
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botA@panel")
    assert on_panel().exit_code == 0
    assert query("select surface from pulls order by pull_id") == [("classic",), ("panel",)]


def test_a_default_value_that_everybody_reads_as_having_is_believed(on_panel, panel, query):
    on_panel()
    panel.defaults = {"botA": {"Favorite color": "mauve"}}
    assert on_panel("--as-of", "2024-06-04T07:30:00Z").exit_code == 0
    assert query(
        "select pull_id, default_value from attributes where attribute_name = 'Favorite color' order by all"
    ) == [
        ("20240603T073000Z", None),
        ("20240604T073000Z", "mauve"),
    ]
    assert query("select count(*) from user_attributes where attribute_value = 'mauve'") > [(10,)]


def test_a_pull_of_the_panel_can_be_loaded_again_and_a_person_be_taken_out(
    on_panel, run, query, folder, tmp_path
):
    on_panel()
    before = query("from user_attributes order by all")
    (tmp_path / "warehouse.duckdb").unlink()
    assert run("reload", "--all").exit_code == 0
    assert query("from user_attributes order by all") == before
    landed = Landing(tmp_path / "landing").complete_pulls()[0]
    user = before[0][4]
    rows, unread = find_user(landed, user)
    assert sum(rows.values()) == 1
    assert not unread
    forget_user(landed, user, rows)
    (tmp_path / "warehouse.duckdb").unlink()
    assert run("reload", "--all").exit_code == 0
    left = query(f"select count(*) from users where chatfuel_user_id = '{user}'")
    assert (left, query("select pull_id from pulls")) == ([(0,)], [(PULL_ID,)])


def test_plan_says_how_many_exports(on_panel, run):
    result = run("plan")
    assert result.exit_code == 0
    assert "in 5 exports" in result.stdout


def test_check_tells_what_was_found_in_ten_lines_and_no_value_of_anybody(panel, on_panel, run, query):
    result = run("check")
    assert result.exit_code == 0, result.output
    told = result.stdout[result.stdout.index("panel, contacts") :].splitlines()
    assert len(told) == 10
    for part in (
        "facebook",
        "custom datetime",
        "Created, InProgress, Finished",
        "'chatfuel user id'",
        "in milliseconds",
    ):
        assert part in result.stdout
    on_panel()
    for (value,) in query(
        "select distinct attribute_value from user_attributes where len(attribute_value) > 9"
    ):
        assert value not in result.stdout
    assert all(task.secret not in result.output for task in panel.tasks.values())
