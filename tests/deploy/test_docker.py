"""The image and the compose file, as far as they can be judged without Docker; the entrypoint runs as it is (a whole night: `test_night.py`)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.pipeline.project import ROOT

FOLDER = ROOT / "deploy" / "docker"
BIN = Path(sys.executable).parent


def test_dockerfile_and_compose_file_are_well_formed():
    for command in (
        [BIN / "hadolint", FOLDER / "Dockerfile"],
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", FOLDER / "compose.yml"],
    ):
        ended = subprocess.run(command, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_nothing_private_goes_into_the_image_and_nobody_is_root():
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert {".env", "chatfuel_token", "data", "target", "logs", ".git"} <= set(ignored)
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001"]
    assert not [line for line in lines if line.startswith(("ARG", "ENV")) and "TOKEN" in line]


@pytest.fixture
def run(project, environment):
    """Return a function that runs the entrypoint."""

    def entrypoint(*arguments):
        command = [project / "deploy" / "docker" / "entrypoint.sh", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400)

    return entrypoint


def test_the_entrypoint_stops_at_the_step_that_fails_and_tells(run, sandbox):
    requests.post(f"{sandbox.url}/_sandbox/faults", json={"fault": "401", "times": None}, timeout=30)
    ended = run("night")
    assert ended.returncode == 1
    assert "pull failed" in ended.stdout
    assert "freshness" not in ended.stdout


def test_the_entrypoint_runs_any_other_command(run):
    ended = run(".venv/bin/python", "-m", "loader", "--version")
    assert ended.returncode == 0
    assert "version" in ended.stdout
