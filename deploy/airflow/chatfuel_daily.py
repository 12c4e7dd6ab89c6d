"""The nightly run as one DAG: check, pull, build, report, site.

Airflow has an environment of its own. The steps run in that of the project, whose folder is
``CHATFUEL_PROJECT`` (default: where this file is), against the target ``CHATFUEL_TARGET`` (prod).
"""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException
from airflow.timetables.trigger import CronTriggerTimetable

PROJECT = Path(os.environ.get("CHATFUEL_PROJECT", Path(__file__).resolve().parents[2]))
TARGET = os.environ.get("CHATFUEL_TARGET", "prod")
TIME_ZONE = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]["chatfuel_timezone"]
LOADER = (".venv/bin/python", "-m", "loader")
# Configuration, authentication, a gate: trying again at once changes nothing.
FINAL_CODES = (2, 3, 7)


def run(*command: str) -> None:
    """Run a command in the project; a failure that a retry cannot mend fails the task for good."""
    code = subprocess.run(command, cwd=PROJECT, check=False).returncode
    if code and command[: len(LOADER)] == LOADER and code in FINAL_CODES:
        raise AirflowFailException(f"exit code {code}: see docs/exit-codes.md")
    if code:
        raise RuntimeError(f"exit code {code}")


def tell(context: dict) -> None:
    """Tell the webhook that a task failed for good."""
    run(*LOADER, "report", "--notify", "--target", TARGET, "--failed", context["task_instance"].task_id)


with DAG(
    "chatfuel_daily",
    description="Pull every bot, build, test, show.",
    # Just after midnight, so that a pull reports on the day before.
    schedule=CronTriggerTimetable("23 0 * * *", timezone=TIME_ZONE),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    # A day that was missed cannot be fetched later.
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=8),
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=4),
        "on_failure_callback": tell,
    },
):

    @task
    def check() -> None:
        run(*LOADER, "check", "--target", TARGET)

    @task
    def pull() -> None:
        run(*LOADER, "pull", "--once-a-day", "--target", TARGET)

    @task
    def build() -> None:
        run("make", "build", f"TARGET={TARGET}")

    @task
    def notify() -> None:
        run(*LOADER, "report", "--notify", "--target", TARGET)

    @task
    def site() -> None:
        run("make", "site", f"TARGET={TARGET}")

    check() >> pull() >> build() >> notify() >> site()
