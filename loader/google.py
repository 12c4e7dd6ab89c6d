"""What Google's errors mean: one table, for BigQuery and Cloud Storage alike."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import requests
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError

from loader.errors import ConfigurationError, LandingError, LoaderError, WarehouseError

log = logging.getLogger(__name__)


class Case(NamedTuple):
    """A kind of error.

    Attributes:
        pattern: Is found in the class, the reason or the message of the error. Its named groups can be told.
        kind: What is raised; None: what the place raises that met it.
        sentence: What happened, and what to do.
    """

    pattern: str
    kind: type[LoaderError] | None
    sentence: str


# The first that fits. Reasons: https://cloud.google.com/bigquery/docs/error-messages
CASES = (
    Case(
        "DefaultCredentialsError",
        ConfigurationError,
        "Nobody is signed in to Google Cloud. Run `gcloud auth application-default login`,"
        " or set GOOGLE_APPLICATION_CREDENTIALS.",
    ),
    Case(
        r"^RefreshError|^ReauthFail|^Unauthorized|invalid_grant",
        ConfigurationError,
        "Google no longer takes these credentials. Run `gcloud auth application-default login`,"
        " or renew what GOOGLE_APPLICATION_CREDENTIALS names, then run the same command again.",
    ),
    Case(
        r"requires a quota project",
        ConfigurationError,
        "Google asks which project pays for the requests."
        " Run `gcloud auth application-default set-quota-project {project}`.",
    ),
    Case(
        r"accessNotConfigured|SERVICE_DISABLED|has not been used in project",
        ConfigurationError,
        "The API is not enabled in {project}. Run `gcloud services enable bigquery.googleapis.com"
        " storage.googleapis.com --project {project}`.",
    ),
    Case(
        r"billingNotEnabled|[Bb]illing has not been enabled",
        ConfigurationError,
        "Project {project} has no billing account, and BigQuery changes no rows without one."
        " Run `gcloud billing projects link {project} --billing-account ACCOUNT`.",
    ),
    Case(
        r"quotaExceeded|[Qq]uota exceeded",
        None,
        "{place}: a quota is used up: {detail}. It fills again within a day:"
        " run the same command then; what is loaded by now stays.",
    ),
    Case(
        r"rateLimitExceeded|^TooManyRequests",
        None,
        "{place}: too many requests at a time: {detail}. Wait some minutes, then run the same command again.",
    ),
    # Before the rights: BigQuery words it "Access Denied: BigQuery BigQuery: Not found: Dataset".
    Case(
        r"in different locations",
        ConfigurationError,
        "The bucket and the datasets are not in one location: {detail}. Make a bucket where the datasets are,"
        " copy the landing zone there, and set CHATFUEL_LANDING to it.",
    ),
    Case(
        r"not found in location (?P<wrong>[\w-]+)",
        ConfigurationError,
        "The dataset is not in {wrong}: {detail}. Set CHATFUEL_BIGQUERY_LOCATION to where the datasets are.",
    ),
    Case(
        r"storage\.objects\.\w+|Access Denied: File gs",
        LandingError,
        "{place}: {detail}. What is missing is in roles/storage.objectAdmin: run `gcloud storage buckets"
        " add-iam-policy-binding {bucket} --role roles/storage.objectAdmin --member {member}`.",
    ),
    Case(
        r"bigquery\.(jobs\.\w+|datasets\.create)",
        WarehouseError,
        "{place}: {detail}. What is missing is in roles/bigquery.user: run `gcloud projects"
        " add-iam-policy-binding {project} --role roles/bigquery.user --member {member} --condition None`.",
    ),
    Case(
        r"Access Denied: (Dataset|Table|View) [\w.-]+[:.](?P<dataset>\w+)",
        WarehouseError,
        "{place}: {detail}. A dataset belongs to whoever made it, who can run: bq query --nouse_legacy_sql"
        " 'GRANT `roles/bigquery.dataOwner` ON SCHEMA {dataset} TO \"{member}\"'.",
    ),
    Case(
        r"Not found: Job",
        WarehouseError,
        "{place}: a job is lost: {detail}. Run the same command again: what is loaded by then is found.",
    ),
    Case(
        r"Not found: Project|[Uu]nknown project|Invalid project",
        ConfigurationError,
        "There is no project {project}: {detail}. Set CHATFUEL_BIGQUERY_PROJECT.",
    ),
    Case(
        r"bucket does not exist|^NotFound.*/b/[^/]+/o\?",
        ConfigurationError,
        "There is no bucket {bucket}. Set CHATFUEL_LANDING, or make it: `deploy/bigquery/setup.sh` does.",
    ),
    Case(
        "",
        None,
        "{place}: {detail}. When that is mended, run the same command again."
        " A pull that has landed can be loaded by `python -m loader reload PULL_ID`.",
    ),
)


def explained(error: Exception, kind: type[LoaderError], place: str, **names: Any) -> LoaderError:
    """Return what to raise for an error of Google's.

    Args:
        error: What a client raised.
        kind: What the place raises that met it.
        place: That place, as a sentence begins.
        **names: ``project``, ``bucket`` and ``credentials`` of the client, as far as known.
    """
    reasons = [entry.get("reason", "") for entry in getattr(error, "errors", None) or () if "reason" in entry]
    text = " ".join([type(error).__name__, *reasons, str(error)])
    # Without the address that the clients put before it.
    told_by_google = re.sub(r"^[A-Z]+ https?://\S+: ", "", str(getattr(error, "message", None) or error))
    message = (told_by_google or type(error).__name__).splitlines()[0]
    found, case = next((match, case) for case in CASES if (match := re.search(case.pattern, text)))
    if not case.pattern:
        # Unexpected: the message is for whoever fixes it.
        log.warning("%s", message, exc_info=error)
    # Of a person's credentials nobody knows the name.
    account = getattr(names.pop("credentials", None), "service_account_email", None)
    told = {"project": "PROJECT", "bucket": "gs://BUCKET", "place": place, "detail": message.rstrip(".")}
    told |= {"member": f"serviceAccount:{account}" if account else "MEMBER"} | names | found.groupdict()
    return (case.kind or kind)(case.sentence.format(**told))


@contextmanager
def explaining(kind: type[LoaderError], place: str, **names: Any) -> Iterator[None]:
    """Raise what Google's errors mean; arguments as those of ``explained``."""
    try:
        yield
    except (GoogleAPICallError, GoogleAuthError, RetryError, requests.RequestException) as error:
        raise explained(error, kind, place, **names) from error
