"""The roles of deploy/bigquery/setup.sh are enough for all that the service account does, and each is needed: `stand_in.py`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from google.api_core.exceptions import Forbidden
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from loader import cli
from sandbox.server import running
from tests.bigquery.stand_in import ROLES, StandIn, roles_of_setup
from tests.emulator.warehouse import EmulatedProject, Emulator

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("bigquery"), pytest.mark.timeout(600)]

PROJECT = "guarded"
ACCOUNT, PERSON, READER = (f"{name}@example.org" for name in ("chatfuel", "person", "reader"))
MART = "rpt_chatfuel__missed_days"
SETUP = roles_of_setup(PROJECT)


class GrantingProject(EmulatedProject):
    """The project, whose one mart is granted to a reader."""

    def manifest(self, variables):
        manifest = super().manifest(variables)
        grants = {"roles/bigquery.dataViewer": [f"user:{READER}"]}
        manifest.nodes[f"model.chatfuel.{MART}"].config.grants = grants
        return manifest


@pytest.fixture(scope="module")
def bot():
    with running(users=12, attributes=40) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def open_stand_in(emulator, storage):
    """Returns a function that starts a stand-in with the roles of the set-up; nobody else has any."""
    bucket = requests.post(f"{storage[0]}/storage/v1/b", json={"name": f"{PROJECT}-chatfuel"}, timeout=30)
    assert bucket.ok or bucket.status_code == 409
    started = []

    def start() -> StandIn:
        stand_in = StandIn(emulator.url, storage[0], PROJECT)
        started.append(stand_in)
        for role, on in SETUP.items():
            stand_in.roles[ACCOUNT][on].add(role)
        return stand_in

    yield start
    for stand_in in started:
        stand_in.stop()


@pytest.fixture
def run(bot, monkeypatch):
    """Returns a function that runs the loader as somebody."""

    def invoke(stand_in, principal, *arguments, landing="pulls", project=PROJECT):
        for name, value in {
            "CHATFUEL_TOKEN": bot.token,
            "CHATFUEL_BOT_ID": bot.bot_id,
            "CHATFUEL_BASE_URL": bot.url,
            "CHATFUEL_LANDING": f"gs://{PROJECT}-chatfuel/{landing}",
            "CHATFUEL_BIGQUERY_PROJECT": project,
            "BIGQUERY_EMULATOR_HOST": stand_in.url,
            "STORAGE_EMULATOR_HOST": stand_in.url,
        }.items():
            monkeypatch.setenv(name, value)
        stand_in.principal = principal
        return CliRunner().invoke(cli.cli, [*arguments, "--target", "emulator"])

    return invoke


def test_with_the_roles_of_the_set_up_the_service_account_does_all_its_work_and_a_reader_reads_the_marts(
    open_stand_in, run, bot, tmp_path, monkeypatch
):
    stand_in = open_stand_in()
    emulator = Emulator(stand_in.url, None)
    project = GrantingProject(tmp_path / "none.duckdb", tmp_path, emulator, "chatfuel", gcp_project=PROJECT)
    now = bot.move_to(0)

    def done(*arguments):
        result = run(stand_in, ACCOUNT, *arguments)
        assert (result.exit_code, stand_in.refused) == (0, []), result.output
        return result.output

    assert "NO" not in done("check")
    done("pull", "--as-of", now.isoformat())
    done("reload", "--all")
    done("gc", "--yes")
    done("report")
    project.dbt("build", "--select", f"+{MART}", "--exclude-resource-type", "test", "unit_test")
    project.dbt("docs", "generate", "--no-compile", "--select", MART)

    # the same command, without a second dbt
    def dbt(command, **_):
        project.dbt("run-operation", *command[7:10])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", dbt)
    (user,) = project.query("select min(chatfuel_user_id) as id from chatfuel_raw.users")
    done("forget", "--user", user["id"], "--bot", bot.bot_id, "--yes")
    assert project.query(f"select * from chatfuel_raw.users where chatfuel_user_id = '{user['id']}'") == []
    done("remove", f"{now:%Y%m%dT%H%M%SZ}", "--bot", bot.bot_id, "--yes")
    assert project.query("select * from chatfuel_raw.users") == []
    assert stand_in.refused == []
    assert not [call for call in stand_in.calls if "insertAll" in call[1]]

    stand_in.principal = READER
    stand_in.roles[READER]["project"].add("roles/bigquery.jobUser")
    client = bigquery.Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": stand_in.url})

    def ask(table):
        return client.query_and_wait(f"select * from `{PROJECT}`.{table}", retry=None, job_retry=None)

    assert ask(f"chatfuel.{MART}") is not None
    for table in (
        "chatfuel_raw.users",
        "chatfuel_staging.stg_chatfuel__users",
        "chatfuel_intermediate.int_chatfuel__pulls",
    ):
        with pytest.raises(Forbidden, match=r"bigquery\.tables\.getData"):
            ask(table)
    with pytest.raises(Forbidden, match=r"bigquery\.tables\.updateData"):
        client.query_and_wait(
            f"delete from `{PROJECT}`.chatfuel.{MART} where true", retry=None, job_retry=None
        )
    del stand_in.roles[READER]["project"]
    with pytest.raises(Forbidden, match=r"bigquery\.jobs\.create"):
        ask(f"chatfuel.{MART}")


@pytest.mark.parametrize("verb", ["check", "pull"])
@pytest.mark.parametrize(("role", "code"), [("roles/bigquery.user", 6), ("roles/storage.objectAdmin", 2)])
def test_whoever_lacks_a_role_is_told_the_command_of_the_set_up_that_grants_it(
    open_stand_in, run, verb, role, code
):
    stand_in = open_stand_in()
    stand_in.roles[ACCOUNT][SETUP[role]].clear()
    result = run(stand_in, ACCOUNT, verb, project="nobodys", landing="nothing")
    assert result.exit_code == code, result.output
    (line,) = [line for line in dry_run("nobodys") if role in line]
    granted = re.sub("serviceAccount:[^ ]+", "MEMBER", line).replace(
        "nobodys-chatfuel", f"{PROJECT}-chatfuel"
    )
    assert f"`{granted}`" in " ".join(result.output.split())
    (_, (permission, _)), *_ = stand_in.refused
    assert permission in ROLES[role]


def test_the_datasets_of_a_person_are_refused_to_the_service_account_until_they_are_granted(
    open_stand_in, run, bot
):
    stand_in, now = open_stand_in(), bot.move_to(0)
    for role, on in SETUP.items():
        stand_in.roles[PERSON][on].add(role)
    where = {"project": "persons", "landing": "persons"}
    assert run(stand_in, PERSON, "pull", "--as-of", now.isoformat(), **where).exit_code == 0
    result = run(stand_in, ACCOUNT, "check", **where)
    assert result.exit_code == 6
    assert 'GRANT `roles/bigquery.dataOwner` ON SCHEMA chatfuel_raw TO "MEMBER"' in " ".join(
        result.output.split()
    )
    stand_in.roles[ACCOUNT]["chatfuel_raw"].add("roles/bigquery.dataOwner")
    assert run(stand_in, ACCOUNT, "check", **where).exit_code == 0
    assert run(stand_in, ACCOUNT, "reload", "--all", **where).exit_code == 0


def dry_run(project: str) -> list[str]:
    command = ["bash", "deploy/bigquery/setup.sh", "--dry-run", project, "EU"]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
