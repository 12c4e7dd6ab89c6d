"""deploy/bigquery/setup.sh: what it would run, line by line."""

from __future__ import annotations

import os
import subprocess

from tests.bigquery.stand_in import ROLES, roles_of_setup
from tests.pipeline.project import ROOT

SCRIPT = "deploy/bigquery/setup.sh"
ACCOUNT = "chatfuel@my-project.iam.gserviceaccount.com"
LINES = f"""\
gcloud services enable bigquery.googleapis.com storage.googleapis.com --project my-project
gcloud iam service-accounts create chatfuel --project my-project
gcloud projects add-iam-policy-binding my-project --role roles/bigquery.user --member serviceAccount:{ACCOUNT} --condition None
gcloud storage buckets create gs://my-project-chatfuel --location EU --uniform-bucket-level-access
gcloud storage buckets add-iam-policy-binding gs://my-project-chatfuel --role roles/storage.objectAdmin --member serviceAccount:{ACCOUNT}
""".splitlines()


def run(*arguments, path=None):
    environment = os.environ | ({"PATH": path} if path else {})
    command = ["/bin/bash", SCRIPT, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_dry_run_prints_the_lines_and_runs_none():
    # without gcloud, and whatever else
    done = run("--dry-run", "my-project", "EU", path="/bin")
    assert done.returncode == 0
    assert done.stdout.splitlines()[:5] == LINES
    assert f"--impersonate-service-account {ACCOUNT}" in done.stdout
    assert "CHATFUEL_BIGQUERY_LOCATION=EU" in done.stdout


def test_the_lines_are_run_and_what_is_there_already_is_no_error(tmp_path):
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(f'#!/bin/bash\necho "gcloud $*" >> {tmp_path}/ran\n[[ $* != *" create "* ]]\n')
    gcloud.chmod(0o755)
    assert run("my-project", "EU", path=f"{tmp_path}:/bin").returncode == 0
    assert (tmp_path / "ran").read_text().splitlines() == LINES


def test_it_ends_at_the_first_line_that_fails(tmp_path):
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(f'#!/bin/bash\necho "gcloud $*" >> {tmp_path}/ran\nexit 1\n')
    gcloud.chmod(0o755)
    assert run("my-project", path=f"{tmp_path}:/bin").returncode == 1
    assert len((tmp_path / "ran").read_text().splitlines()) == 1


def test_without_a_project_it_says_how_it_is_called():
    done = run("--dry-run")
    assert done.returncode != 0
    assert "Name the Google Cloud project" in done.stderr


def test_each_role_that_it_grants_is_known_to_the_stand_in():
    assert roles_of_setup("my-project") == {
        "roles/bigquery.user": "project",
        "roles/storage.objectAdmin": "gs://my-project-chatfuel",
    }
    assert roles_of_setup("my-project").keys() <= ROLES.keys()
