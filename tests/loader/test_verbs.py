"""The verbs beside `pull`: import, plan, reload, pulls, gc; the lock; results for machines."""

import gzip
import json
import re
import shutil

import pytest

from tests.loader.conftest import AS_OF, PULL_ID

LATER, LATER_ID = "2024-06-04T07:30:00Z", "20240604T073000Z"


@pytest.fixture
def saved(tmp_path):
    """A file as somebody saved it from the People page: some columns, in some order."""
    path = tmp_path / "people.csv"
    path.write_text(
        'chatfuel user id,first name,status,Segment,phone\n1,Ann,reachable,lead,"+1 5"\n2,Bob,blocked,,\n'
    )
    return path


def files(tmp_path):
    return sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


# import


def test_a_saved_file_becomes_a_pull(run, saved, query):
    assert run("import", str(saved), "--bot", "botA", "--as-of", "2024-05-01").exit_code == 0
    assert query("select bot_id, pull_id, source from pulls") == [("botA", "20240501T120000Z", "import")]
    assert query("select chatfuel_user_id, first_name, status, signed_up from users order by 1") == [
        ("1", "Ann", "reachable", None), ("2", "Bob", "blocked", None),
    ]  # fmt: skip
    assert query("select attribute_name, attribute_type from attributes order by 1") == [
        ("Segment", "custom"), ("chatfuel user id", "system"), ("first name", "system"), ("phone", "custom"),
        ("status", "system"),
    ]  # fmt: skip
    assert query(
        "select chatfuel_user_id, attribute_name, attribute_value from user_attributes"
        " where attribute_name in ('Segment', 'phone') order by 1, 2"
    ) == [("1", "Segment", "lead"), ("1", "phone", "+1 5")]
    for table in ("segments", "broadcasts", "scheduled_entries", "broadcast_stats", "block_filters"):
        assert query(f"select count(*) from {table}") == [(0,)], table


def test_a_saved_file_may_be_gzipped_and_dated_by_a_moment(run, saved, query, tmp_path):
    packed = tmp_path / "people.csv.gz"
    packed.write_bytes(gzip.compress(saved.read_bytes()))
    run("import", str(packed), "--bot", "botA", "--as-of", "2024-05-01T08:00:00+02:00")
    assert query("select pull_id, users_rows from pulls") == [("20240501T060000Z", 2)]


def test_an_imported_pull_can_be_loaded_again_and_a_second_import_is_already_there(
    run, saved, query, tmp_path
):
    run("import", str(saved), "--bot", "botA", "--as-of", "2024-05-01")
    assert "already there" in run("import", str(saved), "--bot", "botA", "--as-of", "2024-05-01").stdout
    (tmp_path / "warehouse.duckdb").unlink()
    assert run("reload", "20240501T120000Z").exit_code == 0
    assert query("select users_rows, source from pulls") == [(2, "import")]


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("name,status\nAnn,reachable\n", 5, "no column 'chatfuel user id'"),
        ("", 5, "does not begin with the header"),
        ("chatfuel user id,a,a\n1,x,y\n", 5, "another value"),
        ("chatfuel user id,a\n1,x\n2\n", 5, "row 2: it has not the 2 cells"),
        ("chatfuel user id,a\n", 7, "empty"),
    ],
    ids=["another file", "empty file", "a name twice", "short row", "no users"],
)
def test_a_file_that_is_no_export_changes_nothing(run, tmp_path, text, code, says):
    (tmp_path / "people.csv").write_text(text)
    result = run("import", str(tmp_path / "people.csv"), "--bot", "botA", "--as-of", "2024-05-01")
    assert result.exit_code == code
    assert says in result.stderr
    assert not (tmp_path / "warehouse.duckdb").exists()


# plan


def test_plan_says_what_a_pull_would_do_and_writes_nothing(run, tmp_path):
    result = run("plan", "--as-of", AS_OF)
    assert result.exit_code == 0
    assert "in 2 exports" in result.stdout
    assert "the audience of 1 broadcasts" in result.stdout
    assert files(tmp_path) == []


def test_plan_and_pull_agree(run, pull, folder):
    (planned,) = lines(run("plan", "--json", "--as-of", AS_OF))
    pull()
    landed = json.loads((folder / "manifest.json").read_text())["files"]
    assert planned["exports"] == sum(file["table"] in ("users", "user_attributes") for file in landed)
    assert planned["broadcasts"] == [f["broadcast_id"] for f in landed if f["table"] == "block_filters"]


def test_plan_of_a_pull_that_is_there_says_so(run, pull):
    pull()
    assert "already there" in run("plan", "--as-of", AS_OF).stdout


# reload, pulls


def test_a_warehouse_is_rebuilt_from_the_landing_zone_alone(pull, run, query, tmp_path):
    pull()
    pull("--as-of", LATER)
    rows = query("select pull_id, users_rows, user_attributes_rows from pulls order by 1")
    values = query("from user_attributes order by all")
    (tmp_path / "warehouse.duckdb").unlink()
    assert run("reload", "--all").exit_code == 0
    assert query("select pull_id, users_rows, user_attributes_rows from pulls order by 1") == rows
    assert query("from user_attributes order by all") == values


def test_a_refused_pull_is_listed_with_its_reason_and_loaded_by_force(pull, run, query, fault):
    pull()
    fault("fewer-users", times=None)
    assert pull("--as-of", LATER).exit_code == 7
    refused = lines(run("pulls", "--json"))[1]
    assert (refused["pull_id"], refused["loaded"], refused["landed"]) == (LATER_ID, "refused", "yes")
    assert "suspiciously few" in refused["reason"]
    assert "suspiciously" in run("pulls").stdout
    assert run("reload", "--all").exit_code == 0
    assert query("select count(*) from pulls") == [(1,)]
    assert run("reload", LATER_ID, "--force").exit_code == 0
    assert query("select count(*) from pulls") == [(2,)]
    assert lines(run("pulls", "--json"))[1]["loaded"] == "yes"


def test_force_is_for_the_pull_too(pull, query, fault):
    pull()
    fault("fewer-users", times=None)
    assert pull("--as-of", LATER, "--force").exit_code == 0
    assert query("select count(*) from pulls") == [(2,)]


@pytest.mark.parametrize(
    ("moment", "zone", "pulls"),
    [
        ("2024-06-03T23:59:00Z", "UTC", 1),
        ("2024-06-04T00:01:00Z", "UTC", 2),
        ("2024-06-04T06:30:00Z", "America/Los_Angeles", 1),
        ("2024-06-03T06:30:00Z", "America/Los_Angeles", 2),
        # 01:23 and 04:53 of the next day there
        ("2024-06-03T16:23:00Z", "Asia/Tokyo", 2),
        ("2024-06-02T19:53:00Z", "Asia/Tokyo", 1),
    ],
)
def test_once_a_day_is_once_a_local_day(pull, query, tmp_path, moment, zone, pulls):
    (tmp_path / "dbt_project.yml").write_text(f"vars:\n  chatfuel_timezone: {zone}\n")
    pull()
    assert pull("--as-of", moment, "--once-a-day").exit_code == 0
    assert query("select count(*) from pulls") == [(pulls,)]


def test_pulls_shows_what_landed_and_is_not_loaded(pull, run, tmp_path):
    pull()
    (tmp_path / "warehouse.duckdb").unlink()
    (listed,) = lines(run("pulls", "--json"))
    assert (listed["pull_id"], listed["loaded"], listed["landed"]) == (PULL_ID, "no", "yes")


def test_pulls_shows_what_is_loaded_and_landed_no_more(pull, run, tmp_path):
    pull()
    shutil.rmtree(tmp_path / "landing")
    (listed,) = lines(run("pulls", "--json"))
    assert (listed["loaded"], listed["landed"]) == ("yes", "no")
    assert listed["users"] > 0


@pytest.mark.parametrize("arguments", [[], [PULL_ID, "--all"]])
def test_reload_wants_a_pull_or_all(run, arguments):
    result = run("reload", *arguments)
    assert result.exit_code == 2
    assert "--all" in result.stderr


# the lock


def test_two_pulls_at_once_and_the_second_says_who_is_at_it(stalled, run, tmp_path):
    process, go_on = stalled
    for verb in (["pull", "--as-of", LATER], ["gc"]):
        result = run(*verb)
        assert result.exit_code == 8
        assert f"process {process.pid}, since" in result.stderr
    go_on.set()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert run("pull", "--as-of", LATER).exit_code == 0
    assert not (tmp_path / "landing" / ".lock").exists()


def test_the_lock_of_a_loader_that_was_killed_holds_nobody(pull, tmp_path):
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / ".lock").write_text("process 1, since long ago")
    assert pull().exit_code == 0


# for machines


def test_results_as_json_are_one_line_each(pull, run):
    (loaded,) = lines(pull("--json"))
    assert (loaded["status"], loaded["pull_id"]) == ("loaded", PULL_ID)
    assert loaded["rows"]["users"] > 0
    (again,) = lines(pull("--json"))
    assert again["status"] == "already there"
    checks = lines(run("check", "--json"))
    assert {check["ok"] for check in checks} == {True}
    assert lines(run("gc", "--json")) == [{"remove": None}]


def test_check_tries_everything_and_tells_each(run, monkeypatch, tmp_path):
    monkeypatch.setenv("CHATFUEL_TOKEN", "a-wrong-token")
    monkeypatch.setenv("CHATFUEL_DUCKDB_PATH", str(tmp_path / "a_file" / "x.duckdb"))
    (tmp_path / "a_file").touch()
    result = run("check")
    assert result.exit_code == 6
    lines = result.stdout.splitlines()
    assert [line[:4] for line in lines] == ["ok  ", "ok  ", "ok  ", "NO  ", "ok  ", "NO  "]
    assert "CHATFUEL_DUCKDB_PATH" in lines[3]
    assert "refused the token" in lines[5]


def test_check_tells_the_local_time_and_a_time_zone_that_is_none(run, tmp_path):
    (tmp_path / "dbt_project.yml").write_text("vars: {chatfuel_timezone: America/Los_Angeles}")
    assert "in America/Los_Angeles" in run("check").stdout
    (tmp_path / "dbt_project.yml").write_text(
        "{name: mine, vars: {chatfuel_timezone: UTC, mine: {chatfuel_timezone: Asia/Tokyo}}}"
    )
    assert "in Asia/Tokyo" in run("check").stdout


@pytest.mark.parametrize(
    "project",
    ["vars: {chatfuel_timezone: Nowhere/Land}", "vars: {chatfuel_timezone: }", "vars: {chatfuel_timezone: 5}",
     "vars: {chatfuel_timezone: ''}", "vars: {chatfuel_timezone: ../x}", "vars: {chatfuel_timezone: Europe}", "vars:", "vars: 5", "[]",
     "{name: [], vars: {a: b}}", "", "vars: {a", b"\xff\xfe"],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["check", "pull"])
def test_a_project_without_a_time_zone_is_told_in_a_sentence(run, tmp_path, verb, project):
    (tmp_path / "dbt_project.yml").write_bytes(project if isinstance(project, bytes) else project.encode())
    result = run(verb)
    assert result.exit_code == 2
    assert re.search(
        "chatfuel_timezone in dbt_project.yml is no time zone|dbt_project.yml is no YAML", result.output
    )


def test_logs_and_errors_as_json_are_one_line_each(run, monkeypatch, sandbox):
    monkeypatch.setenv("CHATFUEL_TOKEN", "a-wrong-token")
    result = run("--log-format", "json", "pull")
    assert result.exit_code == 3
    (line,) = [json.loads(line) for line in result.stderr.splitlines()]
    assert (line["level"], line["logger"]) == ("ERROR", "loader")
    assert "refused the token" in line["message"]


def test_who_has_no_pull_yet_is_told_so(run):
    assert "There is no pull yet" in run("pulls").stdout
    assert run("pulls", "--json").stdout == ""
