"""dbt 1.12 in an environment of its own: warnings are errors there. Its requirements lack one package that no index here has."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.pipeline.days import PULLS, load
from tests.pipeline.project import ROOT, Project

pytestmark = pytest.mark.newer_dbt


def test_dbt_1_12_parses_and_builds_all_without_a_warning(tmp_path):
    warehouse, target = tmp_path / "warehouse.duckdb", tmp_path / "target"
    load(Project(warehouse, target), PULLS)
    ended = subprocess.run(
        [ROOT / ".venv-newer-dbt/bin/dbt", "--warn-error", "--quiet", "build", "--target-path", target],
        cwd=ROOT,
        env=os.environ | {"DBT_PROFILES_DIR": str(ROOT), "CHATFUEL_DUCKDB_PATH": str(warehouse)},
        capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = json.loads((target / "run_results.json").read_text())
    assert said["metadata"]["dbt_version"].startswith("1.12.")
    assert {result["status"] for result in said["results"]} == {"success", "pass", "no-op"}
