"""A copy of the project, set up, and a sandbox that its settings name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sandbox.server import running
from tests.pipeline.project import ROOT


@pytest.fixture
def sandbox():
    with running(users=60, attributes=40) as sandbox:
        yield sandbox


@pytest.fixture
def project(tmp_path):
    """The project's folder, whose set-up is done."""
    folder = tmp_path / "project"
    made = (".git", ".venv*", "target", "logs", ".*_cache", "__pycache__")

    def ignored(place, names):
        # tests/data/ stays: the generic tests are there.
        of_root = ("data", "benchmarks") if Path(place) == ROOT else ()
        return shutil.ignore_patterns(*made, *of_root)(place, names)

    shutil.copytree(ROOT, folder, ignore=ignored, symlinks=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for path in (ROOT / "tests" / "offline_packages").rglob("*"):
        os.utime(folder / path.relative_to(ROOT), (0, 0))
    for name in ("requirements-dev.txt", "packages.yml"):
        os.utime(folder / name, (0, 0))
    return folder


@pytest.fixture
def environment(sandbox):
    """The environment of a command that works on the sandbox's bot, and on nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHATFUEL_", "DBT_"))}
    return kept | {
        "CHATFUEL_TOKEN": sandbox.token,
        "CHATFUEL_BOT_ID": sandbox.bot_id,
        "CHATFUEL_BASE_URL": sandbox.url,
    }
