"""The jobs of dbt Cloud as code, and the trigger, against a fake of dbt Cloud's API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import jsonschema
import pytest
import yaml
from croniter import croniter
from dbt_jobs_as_code.schemas.config import Config

from tests.pipeline.project import ROOT

FOLDER = ROOT / "deploy" / "dbt_cloud"


def strict(schema):
    """The same schema, in which no object has a key that is not named."""
    if isinstance(schema, dict):
        # a condition names some properties too, but has no title
        closed = {"additionalProperties": False} if {"title", "properties"} <= schema.keys() else {}
        return {key: strict(value) for key, value in schema.items()} | closed
    return [strict(value) for value in schema] if isinstance(schema, list) else schema


@pytest.fixture
def jobs():
    text = (FOLDER / "jobs.yml").read_text()
    for name, value in yaml.safe_load((FOLDER / "ids.yml").read_text()).items():
        text = text.replace(f'"{{{{ {name} }}}}"', str(value))
    assert "{{" not in text
    return yaml.safe_load(text)


def test_the_jobs_fit_the_schema(jobs):
    jsonschema.validate(jobs, strict(Config.model_json_schema()))
    Config(**jobs)


@pytest.mark.parametrize("place", [[], ["triggers"], ["settings"], ["execution"], ["schedule"]])
def test_a_misspelt_key_is_refused(jobs, place):
    job = jobs["jobs"]["daily"]
    for key in place:
        job = job[key]
    job["misspelt"] = 1
    with pytest.raises(jsonschema.ValidationError, match="'misspelt' was unexpected"):
        jsonschema.validate(jobs, strict(Config.model_json_schema()))


def test_schedules_are_cron_lines_and_targets_are_there(jobs):
    for job in jobs["jobs"].values():
        assert croniter.is_valid(job["schedule"]["cron"])
    selectors = {one["name"] for one in yaml.safe_load((ROOT / "selectors.yml").read_text())["selectors"]}
    steps = [step.split() for job in jobs["jobs"].values() for step in job["execute_steps"]]
    named = {step[step.index("--selector") + 1] for step in steps if "--selector" in step}
    assert named == selectors


class Cloud(BaseHTTPRequestHandler):
    """dbt Cloud: the answers to come, and the requests that came."""

    answers: list
    requests: list

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.requests.append((self.command, self.path, self.headers["Authorization"], body))
        status, run = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps({"data": {"id": 7, "href": "https://example.org/7", **run}}).encode())

    def do_GET(self):
        self.do_POST()

    def log_message(self, *_):
        pass


WITHOUT_WAITING = (
    "import runpy, sys, time; time.sleep = lambda _: None; runpy.run_path(sys.argv[1], run_name='__main__')"
)


@pytest.fixture
def trigger():
    """Return a function that triggers against these answers; it returns the ended process and the requests."""
    servers = []

    def run(*answers, **environment):
        handler = type("Handler", (Cloud,), {"answers": list(answers), "requests": []})
        server = HTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = {
            "DBT_CLOUD_TOKEN": "dbtc_secret",
            "DBT_CLOUD_ACCOUNT_ID": "1",
            "DBT_CLOUD_JOB_ID": "2",
            "DBT_CLOUD_URL": f"http://127.0.0.1:{server.server_port}",
            "DBT_CLOUD_POLL_SECONDS": "0.05",
            **environment,
        }
        command = [sys.executable, "-c", WITHOUT_WAITING, FOLDER / "trigger.py"]
        ended = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=60)
        assert "dbtc_secret" not in ended.stdout + ended.stderr
        return ended, handler.requests

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


QUEUED, RUNNING, SUCCESS = (200, {"status": 1}), (200, {"status": 3}), (200, {"status": 10})


def test_a_run_that_succeeds(trigger):
    ended, requests = trigger(QUEUED, RUNNING, RUNNING, SUCCESS)
    assert ended.returncode == 0
    assert requests[0] == (
        "POST",
        "/api/v2/accounts/1/jobs/2/run/",
        "Token dbtc_secret",
        {"cause": "The loader has pulled."},
    )
    assert {request[:2] for request in requests[1:]} == {("GET", "/api/v2/accounts/1/runs/7/")}
    assert "https://example.org/7" in ended.stdout


@pytest.mark.parametrize(("status", "word"), [(20, "failed"), (30, "was cancelled")])
def test_a_run_that_does_not_succeed_is_a_failure(trigger, status, word):
    ended, _ = trigger(QUEUED, (200, {"status": status, "status_message": "a test failed"}))
    assert ended.returncode == 1
    assert f"Run 7 {word}: a test failed" in ended.stderr


def test_a_run_that_does_not_end_is_not_waited_for_for_ever(trigger):
    ended, _ = trigger(QUEUED, RUNNING, DBT_CLOUD_TIMEOUT="0.3")
    assert ended.returncode == 4
    assert "did not end in time" in ended.stderr


def test_a_refused_token(trigger):
    ended, requests = trigger((401, {}))
    assert (ended.returncode, len(requests)) == (3, 1)
    assert "DBT_CLOUD_TOKEN" in ended.stderr


def test_a_busy_server_is_asked_again_but_the_job_triggered_once(trigger):
    ended, requests = trigger(QUEUED, (503, {}), (429, {}), SUCCESS)
    assert ended.returncode == 0
    assert [request[0] for request in requests] == ["POST", "GET", "GET", "GET"]
    ended, requests = trigger((503, {}))
    assert (ended.returncode, len(requests)) == (4, 1)


def test_a_server_that_is_not_there(trigger):
    ended, _ = trigger(SUCCESS, DBT_CLOUD_URL="http://127.0.0.1:9")
    assert ended.returncode == 4
    assert "cannot be reached" in ended.stderr


def test_a_setting_that_is_missing_is_named(trigger):
    ended, requests = trigger(SUCCESS, DBT_CLOUD_JOB_ID="")
    assert (ended.returncode, requests) == (2, [])
    assert "DBT_CLOUD_JOB_ID" in ended.stderr
