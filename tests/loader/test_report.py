"""The state of pipeline and data in ten lines, and the webhook that is told of it."""

import errno
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import duckdb
import pytest


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
    """Return a function that leaves what dbt leaves: the rows of the view, each with a problem's remedy or none."""

    def leave(**remedies):
        rows = [
            f"('botA', {number}, '{subject}', 'the state', {remedy is not None}, {repr(remedy) if remedy else 'null'})"
            for number, (subject, remedy) in enumerate(remedies.items())
        ]
        with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
            connection.execute(
                "create schema if not exists chatfuel; create or replace table chatfuel.rpt_chatfuel__health as from (values"
                f" {', '.join(rows)}) as t(bot_id, check_number, subject, state, is_problem, remedy)"
            )

    return leave


def test_before_dbt_has_run_it_says_so(run, pull):
    pull()
    assert lines(run("report", "--json")) == {"Pipeline": "nothing is built yet: run `dbt build`"}


def test_the_rows_of_the_view_are_shown_in_their_order(run, pull, built):
    pull()
    built(Users=None, Events=None)
    said = lines(run("report", "--json"))
    assert said == {"Pipeline": "well", "Bot": "botA", "Users": "the state", "Events": "the state"}
    assert list(said)[-1] == "Events"


def test_a_problem_is_told_with_its_remedy(run, pull, built):
    pull()
    built(Users=None, Days="Add them.")
    assert lines(run("report", "--json"))["Pipeline"] == "Days of bot botA: the state. Add them."


def test_the_three_most_unusual_days_of_the_last_week_are_told(run, pull, built, tmp_path):
    pull()  # on 3 June
    built(Users=None)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(
            """
            create table chatfuel.rpt_chatfuel__unusual_days as
            from (values
                ('botA', date '2024-06-02', 'lead', 9, 0.0, 4.4, 3.1, null),
                ('botA', date '2024-06-01', 'blocked', 40, 0.5, 19.6, 9.5, timestamp '2024-05-31 17:10:00'),
                ('botA', date '2024-05-28', 'emails', 0, 20.0, 60.0, -6.3, null),
                ('botA', date '2024-05-28', 'hero', 8, 0.0, 3.0, 8.0, null),
                ('botA', date '2024-05-27', 'older', 900, 0.0, 3.0, 99.0, null),
                ('botB', date '2024-06-02', 'another', 900, 0.0, 3.0, 99.0, null)
            ) as t(bot_id, date, kpi, users, expected_from, expected_to, spreads_off, nearest_broadcast_at)
            """
        )
    said = [json.loads(line) for line in run("report", "--json").stdout.splitlines()]
    assert [line["state"] for line in said if line["subject"] == "Unusual"] == [
        "2024-06-01: 40 blocked, 0 to 20 were to be expected; broadcast at 2024-05-31 17:10 UTC",
        "2024-05-28: 8 hero, 0 to 3 were to be expected",
        "2024-05-28: 0 emails, 20 to 60 were to be expected",
    ]


@pytest.mark.parametrize("name", ["chatfuel.duckdb", 'the "new" one.duckdb'])
def test_a_warehouse_may_be_called_as_the_schema_is_and_anything(
    run, pull, built, tmp_path, monkeypatch, name
):
    pull()
    built(Users=None)
    (tmp_path / "warehouse.duckdb").rename(tmp_path / name)
    monkeypatch.setenv("CHATFUEL_DUCKDB_PATH", str(tmp_path / name))
    assert lines(run("report", "--json"))["Pipeline"] == "well"


def test_nothing_pulled_is_a_problem(run):
    assert lines(run("report", "--json"))["Pipeline"] == "nothing was ever pulled"


def test_what_a_scheduler_saw_fail_is_a_problem(run, pull, built):
    pull()
    built(Users=None)
    assert lines(run("report", "--json", "--failed", "dbt build"))["Pipeline"] == "dbt build failed"


def test_a_warehouse_that_cannot_be_read_is_a_problem_and_no_crash(run, tmp_path):
    (tmp_path / "warehouse.duckdb").write_text("no database")
    assert "warehouse.duckdb" in lines(run("report", "--json"))["Pipeline"]


def full_disk(text, **_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_webhook_hears_every_failure_and_the_recovery_once(run, pull, webhook, built):
    pull()
    built(Users=None)
    for arguments in ([], ["--failed", "pull"], ["--failed", "pull"], [], []):
        assert run("report", "--notify", *arguments).exit_code == 0
    assert [text.splitlines()[0] for text in webhook.texts] == [
        "Chatfuel pipeline: it failed",
        "Chatfuel pipeline: it failed",
        "Chatfuel pipeline: well again",
    ]
    assert "Pipeline: pull failed" in webhook.texts[0]
    assert "Users: the state" in webhook.texts[0]


def test_a_failure_that_no_webhook_took_is_told_again_and_the_address_never_shown(run, pull, webhook, built):
    pull()
    built(Users=None)
    webhook.status = 500
    result = run("report", "--notify", "--failed", "pull")
    assert result.exit_code == 1
    assert "status 500. Check CHATFUEL_WEBHOOK_URL." in result.stderr
    assert "secret-of-it" not in result.output
    webhook.status = 200
    assert run("report", "--notify").exit_code == 0
    assert len(webhook.texts) == 1, "there was nothing to recover from, as nobody had heard of it"


@pytest.mark.parametrize("url", ["hooks.example.com/secret-of-it", "http://../secret-of-it", "http://[::1"])
def test_a_webhook_that_is_no_address_is_told(run, monkeypatch, url):
    monkeypatch.setenv("CHATFUEL_WEBHOOK_URL", url)
    result = run("report", "--notify", "--failed", "pull")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The webhook did not take the report")
    assert "secret-of-it" not in result.output


def test_without_a_webhook_nobody_is_told(run, pull, monkeypatch):
    pull()
    monkeypatch.delenv("CHATFUEL_WEBHOOK_URL", raising=False)
    result = run("report", "--notify", "--failed", "pull")
    assert result.exit_code == 0
    assert "CHATFUEL_WEBHOOK_URL is not set" in result.stderr


def test_gc_leaves_the_memory_of_a_failure(run, pull, webhook, built):
    pull()
    built(Users=None)
    run("report", "--notify", "--failed", "pull")
    run("gc", "--yes")
    run("report", "--notify")
    assert len(webhook.texts) == 2


@pytest.mark.parametrize("landing", ["gs://nowhere/pulls", "folder"])
def test_the_alarm_goes_out_whatever_is_broken(run, webhook, monkeypatch, tmp_path, landing):
    (tmp_path / "warehouse.duckdb").write_text("no database")
    (tmp_path / "folder").mkdir(mode=0o500)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setattr("loader.bucket._RETRY", None)
    monkeypatch.setenv("CHATFUEL_LANDING", landing.replace("folder", str(tmp_path / "folder")))
    run("report", "--notify", "--failed", "the build")
    assert "the build failed" in webhook.texts[0]


def test_the_alarm_goes_out_though_the_report_cannot_be_shown(run, webhook, monkeypatch):
    monkeypatch.setattr("loader.cli.say", full_disk)
    assert run("report", "--notify", "--failed", "the build").exit_code == 1
    assert "the build failed" in webhook.texts[0]


def test_the_alarm_goes_out_though_the_views_are_of_another_version(run, pull, webhook, monkeypatch):
    pull()
    monkeypatch.setattr("loader.warehouse.duckdb.DuckDBWarehouse.mart", lambda *_: [{"bot_id": "botA"}])
    run("report", "--notify", "--failed", "the build")
    assert "the build failed; the tables are of another version" in webhook.texts[0]
