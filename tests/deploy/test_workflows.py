"""The workflows of GitHub Actions, as far as they can be judged without GitHub."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from croniter import croniter

from tests.pipeline.project import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
VARIABLES = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]


def load(path):
    # YAML takes `on` for a boolean
    return yaml.safe_load(path.read_text().replace("\non:\n", "\n'on':\n"))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request):
    return load(request.param)


def test_they_fit_the_schema_and_pass_the_security_audit():
    for command in (
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
        [BIN / "zizmor", "--offline", "--no-progress", *WORKFLOWS],
    ):
        ended = subprocess.run(command, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_action_is_pinned_by_its_commit_and_says_its_version():
    uses = [line for path in WORKFLOWS for line in path.read_text().splitlines() if "uses:" in line]
    assert len(uses) > 5
    for line in uses:
        assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_a_name_that_is_needed_is_a_job_and_a_cron_line_is_one(workflow):
    for job in workflow["jobs"].values():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= workflow["jobs"].keys()
    for schedule in workflow["on"].get("schedule") or []:
        assert croniter.is_valid(schedule["cron"])
        assert schedule["cron"].split()[0] not in ("0", "15", "30", "45")
        # A day is the local one: a night elsewhere would leave days out, and count others twice.
        zones = [ZoneInfo(zone) for zone in (schedule["timezone"], VARIABLES["chatfuel_timezone"])]
        for month in (1, 7):
            assert len({datetime(2024, month, 1, tzinfo=zone).utcoffset() for zone in zones}) == 1


def test_nobody_has_a_right_by_default_and_every_job_ends(workflow):
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"]


def test_a_pull_request_sees_no_secret():
    assert "secrets." not in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_what_runs_at_night_are_targets_of_make():
    makefile = (ROOT / "Makefile").read_text()
    steps = load(ROOT / ".github" / "workflows" / "daily.yml")["jobs"]["night"]["steps"]
    targets = [re.match(r"make (?:--silent )?(\w+)", step["run"])[1] for step in steps if "run" in step]
    assert targets == ["setup", "pull", "freshness", "build", "weekly", "site", "report", "artifacts"]
    for target in targets:
        assert re.search(rf"^{target}: ", makefile, re.MULTILINE), target


def test_the_live_demo_is_what_make_builds_and_only_where_somebody_switched_it_on():
    jobs = load(ROOT / ".github" / "workflows" / "live-demo.yml")["jobs"]
    assert [step["run"] for step in jobs["build"]["steps"] if "run" in step] == ["make demo", "make site"]
    assert jobs["build"]["steps"][-1]["with"] == {"path": "data/site"}
    assert "vars.CHATFUEL_PUBLISH_DEMO == 'true'" in jobs["build"]["if"]
    assert jobs["publish"]["needs"] == "build"
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert container["onCreateCommand"] == "make demo"


def test_all_of_history_is_tested_on_the_sunday_line_of_the_schedule():
    workflow = load(ROOT / ".github" / "workflows" / "daily.yml")
    (weekly,) = [step for step in workflow["jobs"]["night"]["steps"] if step.get("run") == "make weekly"]
    lines = [schedule["cron"] for schedule in workflow["on"]["schedule"]]
    assert weekly["if"].split("'")[1] in [line for line in lines if line.endswith("* * 0")]


def test_no_log_and_no_compiled_sql_is_kept_where_others_can_read_it():
    steps = load(ROOT / ".github" / "workflows" / "daily.yml")["jobs"]["night"]["steps"]
    paths = [step["with"]["path"] for step in steps if "upload" in step.get("uses", "")]
    assert sorted(paths) == ["data/site", "target/artifacts", "target/artifacts/manifest.json"]


FAKE_GH = """#!/usr/bin/env python3
import json, os, sys
path = os.environ["ISSUES"]
issues = json.load(open(path))
verb, rest = sys.argv[2], sys.argv[3:]
if verb == "list":
    found = [i for i in issues if i["state"] == "open"]
    # the real one evaluates the expression; all that it asks for is the first issue of a title
    title = rest[rest.index("--jq") + 1].split('"')[1]
    print(next((i["number"] for i in found if i["title"] == title), ""))
elif verb == "create":
    issues.append({"number": len(issues) + 1, "title": rest[1], "state": "open", "comments": [rest[3]]})
elif verb == "comment":
    issues[int(rest[0]) - 1]["comments"].append(rest[2])
elif verb == "close":
    issues[int(rest[0]) - 1].update(state="closed")
    issues[int(rest[0]) - 1]["comments"].append(rest[2])
json.dump(issues, open(path, "w"))
"""


def test_one_issue_while_the_night_fails_closed_by_the_first_that_is_well(tmp_path):
    store = tmp_path / "issues.json"
    other = {"number": 1, "title": "The nightly run fails often", "state": "open", "comments": []}
    store.write_text(json.dumps([other]))
    (tmp_path / "gh").write_text(FAKE_GH)
    (tmp_path / "gh").chmod(0o755)

    def night(run, has_failed):
        environment = {
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "ISSUES": str(store),
            "HAS_FAILED": has_failed,
            "RUN_URL": f"https://example.org/runs/{run}",
        }
        subprocess.run([ROOT / ".github" / "failure_issue.sh"], env=environment, check=True)
        return [(i["state"], len(i["comments"])) for i in json.loads(store.read_text())]

    assert night(1, "false") == [("open", 0)]
    assert night(2, "true") == [("open", 0), ("open", 1)]
    assert night(3, "true") == [("open", 0), ("open", 2)]
    assert night(4, "false") == [("open", 0), ("closed", 3)]
    assert night(5, "false") == [("open", 0), ("closed", 3)]
    assert night(6, "true") == [("open", 0), ("closed", 3), ("open", 1)]
    assert "runs/6" in json.loads(store.read_text())[2]["comments"][0]
