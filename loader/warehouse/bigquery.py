"""The warehouse in BigQuery.

A pull is loaded by load jobs whose ids follow from what they load. Whoever tries again, after a crash or a
lost answer, finds the job that was there instead of doubling the rows.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import requests
from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound, RetryError, ServerError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from loader.errors import RefusedError, WarehouseError
from loader.google import explained, explaining
from loader.landing import Landing, Pull
from loader.settings import Settings
from loader.warehouse import LEDGER, RAW_SCHEMA, Converted, Warehouse, pull_columns, raw_tables

# https://cloud.google.com/bigquery/docs/error-messages: worth another job. Anything else fails again.
_RETRYABLE = {"backendError", "internalError", "jobBackendError", "jobInternalError", "rateLimitExceeded"}
_GENERATIONS = 4
# The client would try to reach a server that is down for ten minutes before it says so.
_PATIENCE = {
    "retry": bigquery.DEFAULT_RETRY.with_timeout(30),
    "job_retry": DEFAULT_JOB_RETRY.with_timeout(30),
}
_LABELS = {"app": "chatfuel"}
_DAY_MS = 24 * 60 * 60 * 1000
# The answer was lost on the way: the job may be there or not.
_UNKNOWN_OUTCOME = (ServerError, RetryError, requests.ConnectionError, requests.Timeout)


class BigQueryWarehouse(Warehouse):
    """Raw tables in one dataset of BigQuery, partitioned by ``pull_date``."""

    def __init__(
        self,
        client: bigquery.Client,
        *,
        landing: Landing,
        dataset: str = RAW_SCHEMA,
        marts: str = "chatfuel",
        retention_days: int | None = None,
        wait: float = 1,
    ) -> None:
        """Use a client.

        Args:
            client: Its project and location are those of the dataset.
            landing: Where BigQuery may fetch files by itself; those of a folder are uploaded.
            dataset: Where the raw tables are.
            marts: The dataset of what dbt makes.
            retention_days: Days after their ``pull_date`` that partitions of raw rows are kept; the ledger is
                kept for ever. None: for ever too.
            wait: Seconds before the second attempt at whatever is worth one; later ones wait longer.
        """
        self._client = client
        self._landing = landing
        self._dataset = f"{client.project}.{dataset}"
        self.raw = f"`{self._dataset}`"
        self._marts = f"{client.project}.{marts}"
        self._retention_days = retention_days
        self._wait = wait

    @classmethod
    def from_settings(cls, settings: Settings, landing: Landing) -> BigQueryWarehouse:
        """Use what the settings name, with application default credentials.

        Raises:
            ConfigurationError: There is no project, or nobody is signed in.
        """
        # The emulator of the tests knows nobody; the client finds it by this variable too.
        credentials = AnonymousCredentials() if os.environ.get("BIGQUERY_EMULATOR_HOST") else None
        with explaining(WarehouseError, "BigQuery", project=settings.bigquery_project):
            client = bigquery.Client(
                settings.bigquery_project, credentials, location=settings.bigquery_location
            )
        return cls(
            client,
            landing=landing,
            marts=settings.bigquery_dataset,
            retention_days=settings.raw_retention_days,
        )

    def write(self, pull: Pull, converted: Converted) -> None:
        with self._errors():
            self._create_tables()
            if self._count(LEDGER, pull):
                return
            for table in converted.rows:
                self._load_table(table, pull, converted)
            for table, rows in converted.rows.items():
                if (found := self._count(table, pull)) != rows:
                    self.read(f"delete {self.of_pull(table, pull)}")
                    raise RefusedError(
                        f"{table} has {found} rows of this pull instead of {rows}: they are removed again,"
                        f" and nothing shows the pull. Run `python -m loader reload {pull.pull_id}`."
                    )
            self._load_table(LEDGER, pull, converted)

    def mart(self, name: str) -> list[dict[str, Any]]:
        return self.read(f"select * from `{self._marts}`.{name}")

    def check_writable(self) -> None:
        # A DML statement needs the right to write, also if it finds no row.
        self.read(f"delete from {self.raw}.{LEDGER} where false")

    def change(self, statements: Sequence[str]) -> None:
        for statement in statements:
            self.read(statement)

    def _create_tables(self) -> None:
        dataset = bigquery.Dataset(self._dataset)
        dataset.location = self._client.location
        self._client.create_dataset(dataset, exists_ok=True)
        for name, table in raw_tables().items():
            schema = [bigquery.SchemaField(c.name, c.type) for c in (*pull_columns(), *table.columns)]
            definition = bigquery.Table(f"{self._dataset}.{name}", schema)
            definition.description = table.description
            definition.labels = _LABELS
            kept_days = self._retention_days if table.expires else None
            definition.time_partitioning = bigquery.TimePartitioning(
                field="pull_date", expiration_ms=kept_days and kept_days * _DAY_MS
            )
            definition.clustering_fields = table.cluster_by
            found = self._client.create_table(definition, exists_ok=True)
            # A table of an older loader has not all columns; new ones come last.
            known = {field.name for field in found.schema}
            if added := [field for field in schema if field.name not in known]:
                found.schema = [*found.schema, *added]
                self._client.update_table(found, ["schema"])
            if found.time_partitioning.expiration_ms != definition.time_partitioning.expiration_ms:
                self._client.update_table(definition, ["time_partitioning"])

    def _load_table(self, table: str, pull: Pull, converted: Converted) -> None:
        """Load all files of a table by one job: BigQuery takes 1,500 a table and day."""
        paths = converted.files[table]
        was_empty = not self._count(table, pull)
        digest = hashlib.sha256()
        for path in paths:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        name = f"chatfuel-{self._dataset.split('.')[1]}-{pull.bot_id}-{pull.pull_id}-{table}"
        name += f"-{digest.hexdigest()[:16]}"
        for generation in range(1, _GENERATIONS + 1):
            job = self._submit(paths, table, f"{name}-g{generation}")
            error = self._failure(job)
            if error is None:
                if was_empty and job.output_rows and not self._count(table, pull):
                    # A job of an earlier run, whose rows have been removed since.
                    continue
                return
            if job.error_result["reason"] not in _RETRYABLE or generation == _GENERATIONS:
                where = f"BigQuery did not load {table} of pull {pull.pull_id} (job {job.job_id})"
                raise explained(error, WarehouseError, where, **self._names) from error
            time.sleep(self._wait * 2**generation)

    def _submit(self, paths: Sequence[Path], table: str, job_id: str) -> bigquery.LoadJob:
        """Start the job of this id, or adopt it if it is there."""
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            labels=_LABELS,
        )
        place = {"destination": f"{self._dataset}.{table}", "job_id": job_id, "job_config": config}
        addresses = [address for path in paths if (address := self._landing.address(path))]

        def submit() -> bigquery.LoadJob:
            with suppress(Conflict):
                if addresses:
                    return self._client.load_table_from_uri(addresses, **place)
                with _joined(paths).open("rb") as file:
                    return self._client.load_table_from_file(file, **place)
            # It is there, though for a moment BigQuery may not find it.
            return self._client.get_job(job_id)

        return self._retrying(*_UNKNOWN_OUTCOME, NotFound)(submit)

    def _failure(self, job: bigquery.LoadJob) -> Exception | None:
        """Wait for the end of a job, and return what it failed of."""

        def wait() -> Exception | None:
            try:
                job.result()
            except GoogleAPICallError:
                if job.error_result is None:
                    raise
            # A job that is done has not necessarily succeeded.
            return job.exception() if job.error_result else None

        return self._retrying(NotFound)(wait)

    def _count(self, table: str, pull: Pull) -> int:
        (row,) = self.read(f"select count(*) as found {self.of_pull(table, pull)}")
        return row["found"]

    def read(self, query: str) -> list[dict[str, Any]]:
        with self._errors():
            try:
                rows = self._client.query_and_wait(query, **_PATIENCE)
                return [dict(row.items()) for row in rows]
            except NotFound as error:
                if self._is_elsewhere(error.message):
                    raise
                # nothing was loaded yet
                return []

    def _is_elsewhere(self, message: str) -> bool:
        """Return whether what was not found is there, but where it was not sought."""
        if not (name := re.search(r"Not found: (?:Table|Dataset) (?:([\w-]+)[:.])?(\w+)", message)):
            # A project or a job.
            return True
        try:
            found = self._client.get_dataset(
                f"{name[1] or self._client.project}.{name[2]}", retry=_PATIENCE["retry"]
            )
        except NotFound:
            return False
        return found.location.casefold() != self._client.location.casefold()

    def _retrying(self, *errors: type[Exception]) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(errors),
            stop=stop_after_attempt(5),
            wait=wait_exponential(self._wait, max=30),
            reraise=True,
        )

    def _errors(self) -> AbstractContextManager[None]:
        return explaining(WarehouseError, "BigQuery", **self._names)

    @property
    def _names(self) -> dict[str, Any]:
        return {"project": self._client.project, "credentials": self._client._credentials}


def _joined(paths: Sequence[Path]) -> Path:
    """Return the one file, or a file with the rows of all: an upload is one file."""
    if len(paths) == 1:
        return paths[0]
    joined = paths[0].with_name(f"{paths[0].stem}-joined.parquet")
    with pq.ParquetWriter(joined, pq.read_schema(paths[0]), compression="zstd") as writer:
        for path in paths:
            for batch in pq.ParquetFile(path).iter_batches():
                writer.write_batch(batch)
    return joined
