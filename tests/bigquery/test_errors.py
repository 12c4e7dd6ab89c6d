"""Every error of Google's is one sentence that says what to do, with its exit code: through the real clients."""

from __future__ import annotations

import json
import re

import pytest
import requests
import responses
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
from google.cloud import bigquery, storage

from loader import bucket, google
from loader.bucket import BucketLanding
from loader.errors import LoaderError
from loader.landing import Landing
from loader.warehouse import bigquery as warehouse_module
from loader.warehouse.bigquery import BigQueryWarehouse

# one worker: the last looks at what the others were told
pytestmark = pytest.mark.xdist_group("errors")

BIGQUERY, STORAGE = "https://bigquery.test", "https://storage.test"
ACCOUNT = "chatfuel@p.iam.gserviceaccount.com"
MEMBER = f"--member serviceAccount:{ACCOUNT}"


class ServiceAccount(AnonymousCredentials):
    service_account_email = ACCOUNT

    def refresh(self, request):
        """As if it got a new token, which is not taken either."""


@pytest.fixture
def landing(monkeypatch, tmp_path):
    monkeypatch.setattr(bucket, "_RETRY", None)
    client = storage.Client(None, ServiceAccount(), client_options={"api_endpoint": STORAGE})
    monkeypatch.setattr(storage, "Client", lambda *_: client)
    return BucketLanding("gs://p-chatfuel/pulls", tmp_path)


@pytest.fixture
def warehouse(monkeypatch, tmp_path):
    monkeypatch.setattr(warehouse_module, "_PATIENCE", {"retry": None, "job_retry": None})
    client = bigquery.Client("p", ServiceAccount(), location="US", client_options={"api_endpoint": BIGQUERY})
    return BigQueryWarehouse(client, landing=Landing(tmp_path), wait=0)


# What a query is answered, what is said then, and the exit code. The messages are worded as Google words them.
OF_BIGQUERY = [
    (403, "accessDenied", "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.",
     f"gcloud projects add-iam-policy-binding p --role roles/bigquery.user {MEMBER} --condition None", 6),
    (403, "accessDenied", "Access Denied: Table p:chatfuel_raw.pulls: Permission bigquery.tables.getData denied on table"
     " p:chatfuel_raw.pulls (or it may not exist).",
     f"GRANT `roles/bigquery.dataOwner` ON SCHEMA chatfuel_raw TO \"serviceAccount:{ACCOUNT}\"", 6),
    (403, "accessDenied", "Access Denied: Dataset p:chatfuel_raw: Permission bigquery.tables.create denied on dataset"
     " p:chatfuel_raw (or it may not exist).",
     f"GRANT `roles/bigquery.dataOwner` ON SCHEMA chatfuel_raw TO \"serviceAccount:{ACCOUNT}\"", 6),
    (403, "accessNotConfigured", "BigQuery API has not been used in project 42 before or it is disabled.",
     "gcloud services enable bigquery.googleapis.com storage.googleapis.com --project p", 2),
    (403, "billingNotEnabled", "Billing has not been enabled for this project.", "gcloud billing projects link p", 2),
    (403, "forbidden", "The bigquery.googleapis.com API requires a quota project, which is not set by default.",
     "gcloud auth application-default set-quota-project p", 2),
    (403, "quotaExceeded", "Quota exceeded: Your table exceeded quota for imports or query appends per table.",
     "It fills again within a day", 6),
    (403, "rateLimitExceeded", "Exceeded rate limits: too many table update operations for this table.",
     "Wait some minutes", 6),
    (404, "notFound", "Not found: Project p", "Set CHATFUEL_BIGQUERY_PROJECT", 2),
    (404, "notFound", "Not found: Dataset p:elsewhere was not found in location US", "Set CHATFUEL_BIGQUERY_LOCATION", 2),
    (403, "accessDenied", "Access Denied: BigQuery BigQuery: Not found: Dataset p:elsewhere was not found in location US",
     "Set CHATFUEL_BIGQUERY_LOCATION", 2),
    (400, "invalid", "Cannot read and write in different locations: source: EU, destination: US", "set CHATFUEL_LANDING", 2),
    (404, "notFound", "Not found: Job p:US.chatfuel-1", "Run the same command again", 6),
    (401, "authError", "Request had invalid authentication credentials.", "gcloud auth application-default login", 2),
    (403, "accessDenied", f"Access Denied: File gs://p-chatfuel/x.parquet: {ACCOUNT} does not have storage.objects.get"
     " access to the Google Cloud Storage object.", f"--role roles/storage.objectAdmin {MEMBER}", 2),
    (400, "invalidQuery", "Syntax error: Unexpected end", "Unexpected end. When that is mended", 6),
    (503, "backendError", "Error encountered during execution.", "run the same command again", 6),
]  # fmt: skip
OF_STORAGE = [
    (403, "forbidden", f"{ACCOUNT} does not have storage.objects.list access to the Google Cloud Storage bucket."
     " Permission 'storage.objects.list' denied on resource (or it may not exist).",
     f"gcloud storage buckets add-iam-policy-binding gs://p-chatfuel --role roles/storage.objectAdmin {MEMBER}", 2),
    (404, "notFound", "The specified bucket does not exist.", "There is no bucket gs://p-chatfuel", 2),
    (429, "rateLimitExceeded", "The rate of requests is too high.", "Wait some minutes", 2),
    (503, "backendError", "We encountered an internal error.", "run the same command again", 2),
]  # fmt: skip
# What comes of no answer at all.
RAISED = [
    (DefaultCredentialsError("Your default credentials were not found."), "Nobody is signed in", 2),
    (RefreshError("invalid_grant: Token has been expired or revoked."), "gcloud auth application-default login", 2),
    (RefreshError("Reauthentication is needed."), "gcloud auth application-default login", 2),
    (TransportError("oauth2.googleapis.com cannot be reached"), "When that is mended", 6),
    (requests.ConnectionError("bigquery.googleapis.com cannot be reached"), "When that is mended", 6),
    (requests.ConnectionError(), "BigQuery: ConnectionError", 6),
]  # fmt: skip
said_by_now = []


def told(action):
    """What the action's failure says, and its exit code."""
    with pytest.raises(LoaderError) as caught:
        action()
    message = caught.value.message
    assert "\n" not in message
    assert "https://" not in message
    assert re.search(r"[.`]$", message)
    said_by_now.append(message)
    return message, caught.value.exit_code


def answer(mock, url, status, reason, message):
    body = {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}
    for method in ("GET", "POST"):
        mock.add(method, re.compile(url), json.dumps(body), status=status)


@pytest.mark.parametrize(("status", "reason", "message", "words", "code"), OF_BIGQUERY)
def test_an_error_of_bigquery_says_what_to_do(warehouse, status, reason, message, words, code):
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        # a dataset that is in Europe; the loader looks for it in the US
        found = {"datasetReference": {"projectId": "p", "datasetId": "elsewhere"}, "location": "EU"}
        mock.add("GET", re.compile(f"{BIGQUERY}/.*/datasets/elsewhere"), json.dumps(found))
        answer(mock, f"{BIGQUERY}/.*", status, reason, message)
        said, exit_code = told(warehouse.committed_pulls)
    assert words in said
    assert exit_code == code


@pytest.mark.parametrize(("status", "reason", "message", "words", "code"), OF_STORAGE)
def test_an_error_of_cloud_storage_says_what_to_do(landing, status, reason, message, words, code):
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        answer(mock, f"{STORAGE}/.*", status, reason, message)
        said, exit_code = told(landing.check)
    assert words in said
    assert exit_code == code


@pytest.mark.parametrize(("error", "words", "code"), RAISED)
def test_who_cannot_sign_in_or_connect_is_told_what_to_do(warehouse, monkeypatch, error, words, code):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(warehouse._client, "query_and_wait", fail)
    said, exit_code = told(warehouse.committed_pulls)
    assert words in said
    assert exit_code == code


def test_every_case_has_an_example():
    """After the others: it looks at what they were told."""
    for case in google.CASES:
        words = max(re.split(r"\{\w+\}", case.sentence), key=len)
        assert any(words in message for message in said_by_now), words


def test_a_traceback_is_only_in_the_log_and_only_of_what_nobody_foresaw(warehouse, caplog):
    for status, reason, message, *_ in OF_BIGQUERY[0], OF_BIGQUERY[-1]:
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            answer(mock, f"{BIGQUERY}/.*", status, reason, message)
            said, _ = told(warehouse.committed_pulls)
        assert "Traceback" not in said
    (record,) = caplog.records
    assert record.exc_info


def test_a_dataset_that_is_nowhere_holds_no_pull_yet(warehouse):
    with responses.RequestsMock() as mock:
        message = "Not found: Dataset p:chatfuel_raw was not found in location US"
        answer(mock, f"{BIGQUERY}/.*", 404, "notFound", message)
        assert warehouse.committed_pulls() == []


def test_nobody_needs_a_default_project_for_a_bucket(monkeypatch, tmp_path):
    monkeypatch.setattr("google.auth.default", lambda *_, **__: (AnonymousCredentials(), None))
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert BucketLanding("gs://p-chatfuel", tmp_path)._bucket.client.project is None
