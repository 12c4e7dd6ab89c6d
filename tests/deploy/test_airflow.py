"""The DAG in Airflow's own environment, on sqlite, against the sandbox."""

from __future__ import annotations

import subprocess

import duckdb
import pytest
import requests

from tests.pipeline.project import ROOT

pytestmark = pytest.mark.airflow

AIRFLOW = ROOT / ".venv-airflow" / "bin" / "airflow"


@pytest.fixture
def run_dag(project, environment, tmp_path):
    """Return a function that runs the DAG once; it returns the ended process."""
    environment |= {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "deploy" / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "CHATFUEL_PROJECT": str(project),
        "CHATFUEL_TARGET": "dev",
    }

    def airflow(*arguments):
        return subprocess.run(
            [AIRFLOW, *arguments], env=environment, capture_output=True, text=True, timeout=400, check=False
        )

    migrated = airflow("db", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    return lambda: airflow("dags", "test", "chatfuel_daily")


def test_a_night_that_is_well(run_dag, project):
    ended = run_dag()
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    with duckdb.connect(project / "data" / "chatfuel.duckdb", read_only=True) as connection:
        assert connection.execute(
            "select count(*) from chatfuel.chatfuel.rpt_chatfuel__pulls"
        ).fetchone() == (1,)
    assert (project / "data" / "site" / "index.html").exists()


def test_a_refused_token_fails_the_dag_at_once_and_somebody_is_told(run_dag, sandbox, project):
    requests.post(
        f"{sandbox.url}/_sandbox/faults", json={"fault": "401", "on": "users", "times": None}, timeout=30
    )
    ended = run_dag()
    output = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert "Chatfuel refused" in output or "CHATFUEL_TOKEN" in output
    assert "exit code 3" in output
    # the failure callback, with the name of the task
    assert "pull failed" in output
    assert not (project / "data" / "site").exists()
