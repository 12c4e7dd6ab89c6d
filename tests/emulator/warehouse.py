"""BigQuery on this machine: the emulator as a process, and the dbt project on it through the real adapter."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.pipeline.bots import RAW_SCHEMA
from tests.pipeline.project import Project

START_SECONDS = 60
GCP_PROJECT = "emulated"


@dataclass
class Emulator:
    """A running emulator.

    Attributes:
        url: where it listens, as BIGQUERY_EMULATOR_HOST wants it.
    """

    url: str
    process: subprocess.Popen

    @classmethod
    def start(cls, folder: Path) -> Emulator:
        """Starts an emulator that keeps everything in memory; its log goes to `folder`.

        Raises:
            RuntimeError: it does not answer in time.
        """
        rest_port, grpc_port = _free_port(), _free_port()
        url = f"http://127.0.0.1:{rest_port}"
        with (folder / "emulator.log").open("w") as log:
            process = subprocess.Popen(
                [
                    *(Path(sys.executable).with_name("bqemulator"), "start", "--ephemeral", "--log-level", "warning"),
                    *("--rest-port", str(rest_port), "--grpc-port", str(grpc_port)),
                ],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{url}/healthz", timeout=1).close()
                return cls(url, process)
            except OSError:
                time.sleep(0.1)
        process.kill()
        raise RuntimeError(f"The emulator did not start. Its log: {(folder / 'emulator.log').read_text()}")

    def stop(self) -> None:
        """Ends the process."""
        self.process.terminate()
        self.process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class EmulatedProject(Project):
    """The project on one set of datasets of an emulator.

    Attributes:
        path: the DuckDB file whose raw tables `load` copies.
        emulator: where the datasets are.
        dataset: prefix of the datasets; every project of an emulator needs its own.
    """

    emulator: Emulator
    dataset: str

    def __post_init__(self) -> None:
        self.client = bigquery.Client(
            GCP_PROJECT, AnonymousCredentials(), client_options={"api_endpoint": self.emulator.url}
        )

    @property
    def variables(self):
        return {"chatfuel_raw_schema": f"{self.dataset}_raw"}

    def dbt(self, *arguments, variables=None):
        os.environ["BIGQUERY_EMULATOR_HOST"] = self.emulator.url
        os.environ["CHATFUEL_BIGQUERY_DATASET"] = self.dataset
        if "--target" not in arguments:
            arguments = (*arguments, "--target", "emulator")
        try:
            super().dbt(*arguments, variables={**self.variables, **(variables or {})})
        finally:
            del os.environ["BIGQUERY_EMULATOR_HOST"]

    def load(self) -> None:
        """Copies the raw tables of the DuckDB file, all rows anew."""
        dataset = f"{GCP_PROJECT}.{self.dataset}_raw"
        self.client.create_dataset(dataset, exists_ok=True, retry=None, timeout=30)
        with self.connect() as connection:
            for table, spec in RAW_SCHEMA["tables"].items():
                columns = RAW_SCHEMA["pull_columns"] + spec["columns"]
                rows = connection.execute(
                    f"select to_json(t) from (select {', '.join(c['name'] for c in columns)} from chatfuel_raw.{table}) t"
                ).fetchall()
                job = self.client.load_table_from_file(
                    BytesIO("\n".join(row for (row,) in rows).encode()),
                    f"{dataset}.{table}",
                    job_config=bigquery.LoadJobConfig(
                        source_format="NEWLINE_DELIMITED_JSON",
                        write_disposition="WRITE_TRUNCATE",
                        schema=[bigquery.SchemaField(column["name"], column["type"]) for column in columns],
                    ),
                )
                job.result(retry=None, timeout=60)

    def query(self, sql: str) -> list[tuple]:
        """The rows of a query."""
        rows = self.client.query(sql, retry=None, job_retry=None).result(retry=None, timeout=60)
        return [tuple(row.values()) for row in rows]
