"""The state of pipeline and data in ten lines, and the webhook that is told of it."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from loader.report import make_report
from loader.warehouse.duckdb import DuckDBWarehouse
from tests.loader.conftest import AS_OF

LATER = "2024-06-04T07:30:00Z"
LEDGER = {"freshness": {"warn_after": {"count": 26, "period": "hour"}}}


def lines(result):
    assert result.exit_code == 0, result.output
    return {line["subject"]: line["state"] for line in map(json.loads, result.stdout.splitlines())}


@pytest.fixture
def webhook(monkeypatch):
    """A server that takes what is posted to it; the texts, oldest first, and the status that it answers."""

    class Webhook(BaseHTTPRequestHandler):
        texts: ClassVar[list[str]] = []
        status = 200

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert body.keys() == {"text"}
            self.texts.append(body["text"])
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("CHATFUEL_WEBHOOK_URL", f"http://127.0.0.1:{server.server_port}/services/secret-of-it")
    yield Webhook
    server.shutdown()
    server.server_close()


@pytest.fixture
def built(tmp_path):
    """Return a function that leaves what dbt leaves: how the nodes of its last command went."""

    def leave(**statuses):
        target = tmp_path / "target"
        target.mkdir(exist_ok=True)
        results = [{"unique_id": name.replace("__", ".", 2), "status": s} for name, s in statuses.items()]
        metadata = {"generated_at": "2024-06-03T08:00:00.000000Z"}
        run_results = {"metadata": metadata, "args": {"which": "build"}, "results": results}
        (target / "run_results.json").write_text(json.dumps(run_results))
        manifest = {"nodes": {}, "sources": {"source.chatfuel.chatfuel.pulls": LEDGER}}
        (target / "manifest.json").write_text(json.dumps(manifest))

    return leave


def test_before_dbt_has_run_the_ledger_is_told(run, pull, query):
    pull()
    assert pull("--as-of", LATER).exit_code == 0
    said = lines(run("report", "--json"))
    assert said["Pipeline"] == "well"
    assert said["Bot"] == "botA"
    assert said["Last pull"].startswith("2024-06-04 07:30 UTC, ")
    assert said["Last pull"].endswith(" ago, not built yet")
    ((users,),) = query("select users_rows from pulls limit 1")
    assert said["Users"] == f"{users} (+0 since the pull before)"
    assert said["Tests"] == "dbt has not run here"


def test_nothing_pulled_is_a_problem(run):
    assert lines(run("report", "--json"))["Pipeline"] == "nothing was ever pulled"


def test_what_a_scheduler_saw_fail_is_a_problem(run, pull):
    pull()
    assert lines(run("report", "--json", "--failed", "dbt build"))["Pipeline"] == "dbt build failed"


@pytest.mark.parametrize(("hours", "problem"), [(25, "well"), (27, "no pull of bot botA for 27 hours")])
def test_a_pull_is_late_when_source_freshness_says_so(pull, built, tmp_path, hours, problem):
    pull()
    built()
    now = datetime.fromisoformat(AS_OF).astimezone(UTC) + timedelta(hours=hours, minutes=5)
    report = make_report(DuckDBWarehouse(tmp_path / "warehouse.duckdb"), tmp_path / "target", now, None)
    assert dict(report.lines)["Pipeline"] == problem


def test_tests_are_counted_and_failures_named(pull, built, tmp_path):
    pull()
    built(
        test__chatfuel__one="pass",
        test__chatfuel__two="warn",
        test__chatfuel__three="fail",
        model__chatfuel__four="error",
        model__chatfuel__five="success",
    )
    now = datetime.fromisoformat(AS_OF)
    said = dict(
        make_report(DuckDBWarehouse(tmp_path / "warehouse.duckdb"), tmp_path / "target", now, None).lines
    )
    assert said["Tests"] == "1 passed, 1 warned, 2 failed (dbt build, 2024-06-03 08:00 UTC)"
    assert said["Pipeline"] == "dbt: three, four failed"


def test_a_warehouse_that_cannot_be_read_is_a_problem_and_no_crash(run, tmp_path):
    (tmp_path / "warehouse.duckdb").write_text("no database")
    assert "warehouse.duckdb" in lines(run("report", "--json"))["Pipeline"]


def test_the_webhook_hears_every_failure_and_the_recovery_once(run, pull, webhook):
    pull()
    for arguments in ([], ["--failed", "pull"], ["--failed", "pull"], [], []):
        assert run("report", "--notify", *arguments).exit_code == 0
    assert [text.splitlines()[0] for text in webhook.texts] == [
        "Chatfuel pipeline: it failed",
        "Chatfuel pipeline: it failed",
        "Chatfuel pipeline: well again",
    ]
    assert "Pipeline: pull failed" in webhook.texts[0]
    assert "Last pull: 2024-06-03 07:30 UTC" in webhook.texts[0]


def test_a_failure_that_no_webhook_took_is_told_again_and_the_address_never_shown(run, pull, webhook):
    pull()
    webhook.status = 500
    result = run("report", "--notify", "--failed", "pull")
    assert result.exit_code == 1
    assert "status 500. Check CHATFUEL_WEBHOOK_URL." in result.stderr
    assert "secret-of-it" not in result.output
    webhook.status = 200
    assert run("report", "--notify").exit_code == 0
    assert len(webhook.texts) == 1, "there was nothing to recover from, as nobody had heard of it"


def test_without_a_webhook_nobody_is_told(run, pull, monkeypatch):
    pull()
    monkeypatch.delenv("CHATFUEL_WEBHOOK_URL", raising=False)
    result = run("report", "--notify", "--failed", "pull")
    assert result.exit_code == 0
    assert "CHATFUEL_WEBHOOK_URL is not set" in result.stderr


def test_gc_leaves_the_memory_of_a_failure(run, pull, webhook):
    pull()
    run("report", "--notify", "--failed", "pull")
    run("gc", "--yes")
    run("report", "--notify")
    assert len(webhook.texts) == 2


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "[[", '{"results": [1], "nodes": [], "sources": []}', '{"results": 5}']
)
def test_the_alarm_goes_out_whatever_dbt_left(run, tmp_path, content):
    (tmp_path / "target").mkdir()
    for name in ("manifest.json", "run_results.json"):
        (tmp_path / "target" / name).write_text(content)
    result = run("report", "--failed", "the build")
    assert result.exit_code == 0
    assert "the build failed" in result.stdout
