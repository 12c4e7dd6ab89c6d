"""The generic tests of the project, and those that it takes from dbt packages, do what `cases.yml` says.

The cases hold for `tests/offline_packages/` and, where set-up could fetch them, for the real packages. The project's own
is tested as others meet it: in the package `chatfuel`.
"""

import json
import os
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

# one worker, one build
pytestmark = pytest.mark.xdist_group("generic_tests")

ROOT = Path(__file__).parents[2]
PACKAGES = {"offline": ROOT / "tests/offline_packages"}
# the hub's dbt_expectations brings dbt_date along; the offline one needs nothing
if (ROOT / "dbt_packages/dbt_date").is_dir():
    PACKAGES["hub"] = ROOT / "dbt_packages"
# What the test of our own needs of the package.
OWN_MACROS = [
    ROOT / "tests/data/generic/rows_are_valid.sql",
    ROOT / "macros/cross_db/text.sql",
    ROOT / "macros/history/last_pulls.sql",
    ROOT / "macros/history/new_pulls.sql",
]
CASES = yaml.safe_load(Path(__file__).with_name("cases.yml").read_text())
RULES = {rule: case | {"test": test} for test, cases in CASES.items() for rule, case in cases.items()}


@pytest.fixture(scope="module", params=PACKAGES)
def packages(request):
    """The folder that stands for `dbt_packages/`."""
    return PACKAGES[request.param]


@pytest.fixture(scope="module")
def failures(packages, tmp_path_factory):
    """By rule, how many failing rows dbt counts."""
    project = write_project(tmp_path_factory.mktemp("project"), packages)
    tested = build(project)
    results_file = project / "target/run_results.json"
    assert results_file.exists(), tested.exception
    results = json.loads(results_file.read_text())["results"]
    return {name(result): result["failures"] for result in results if result["unique_id"].startswith("test.")}


def name(result):
    """Returns the rule of a data test's result: `test.throw_away.<rule>__test.<hash>`."""
    return result["unique_id"].split(".")[2].removesuffix("__test")


def write_project(project, packages):
    """Writes a dbt project on DuckDB with one model and one data test for every rule."""
    warehouse = {"type": "duckdb", "path": str(project / "throw_away.duckdb")}
    profile = {"target": "dev", "outputs": {"dev": warehouse}}
    flags = {"send_anonymous_usage_stats": False, "require_generic_test_arguments_property": True}
    documents = {
        "dbt_project.yml": {
            "name": "throw_away",
            "profile": "throw_away",
            "flags": flags,
            "models": {"+materialized": "ephemeral"},
        },
        "profiles.yml": {"throw_away": profile},
        "models/models.yml": {"models": [{"name": rule, "data_tests": [data_test(rule)]} for rule in RULES]},
    }
    (project / "models").mkdir()
    for path, document in documents.items():
        (project / path).write_text(yaml.safe_dump(document))
    (project / "models/parents.sql").write_text("select * from (values (1), (2), (null)) as t (id)")
    pulls = "select '1' as bot_id, timestamp '2024-06-05 07:30' as pulled_at, date '2024-06-05' as pull_date"
    (project / "models/int_chatfuel__last_pulls.sql").write_text(
        "{{ config(materialized='table') }} " + pulls
    )
    for rule in RULES:
        (project / f"models/{rule}.sql").write_text(f"select * from {RULES[rule]['table']}")
    shutil.copytree(packages, project / "dbt_packages", ignore=shutil.ignore_patterns("integration_tests"))
    own = project / "dbt_packages/chatfuel"
    (own / "tests/data/generic").mkdir(parents=True)
    (own / "macros").mkdir()
    (own / "dbt_project.yml").write_text('{name: chatfuel, test-paths: ["tests/data"]}')
    for file in OWN_MACROS:
        shutil.copy(file, own / ("macros" if "macros" in file.parts else "tests/data/generic"))
    return project


def data_test(rule):
    """Returns the rule's data test as the YAML of a model spells it."""
    case = RULES[rule]
    properties = {"arguments": case["arguments"], "config": case.get("config", {})}
    return {case["test"]: {"name": f"{rule}__test"} | properties}


def build(project):
    """Runs dbt on the project, with nothing of the caller's own dbt configuration."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DBT_")}
    paths = [*("--project-dir", str(project)), *("--profiles-dir", str(project))]
    with patch.dict(os.environ, environment, clear=True):
        built = dbtRunner().invoke(["--quiet", "build", *paths, "--log-path", str(project / "logs")])
    DuckDBConnectionManager.close_all_connections()
    return built


@pytest.mark.parametrize("rule", RULES)
def test_failing_rows(failures, rule):
    assert failures[rule] == RULES[rule]["failures"]


def test_every_offline_test_has_a_passing_and_a_failing_case():
    offline = {f"{path.parts[-3]}.{path.stem}" for path in PACKAGES["offline"].glob("*/macros/[!_]*.sql")}
    passing = {RULES[rule]["test"] for rule in RULES if RULES[rule]["failures"] == 0}
    failing = {RULES[rule]["test"] for rule in RULES if RULES[rule]["failures"] > 0}
    assert passing == failing == offline | {"chatfuel.rows_are_valid"}
