"""BigQuery on this machine: the emulator as a process, and the dbt project on it through the real adapter."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from duckdb_extensions import import_extension
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.pipeline.bots import RAW_SCHEMA
from tests.pipeline.project import ROOT, Project

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
    def start(cls, folder: Path, buckets: Path) -> Emulator:
        """Starts an emulator that keeps everything in memory; its log goes to `folder`, buckets are in `buckets`.

        Raises:
            RuntimeError: it does not answer in time.
        """
        # the emulator loads this extension of DuckDB, and cannot fetch it without the network
        import_extension("spatial")
        rest_port, grpc_port = _free_port(), _free_port()
        url = f"http://127.0.0.1:{rest_port}"
        with (folder / "emulator.log").open("w") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.emulator.served", "start", "--ephemeral"),
                    *("--log-level", "warning"),
                    *("--rest-port", str(rest_port), "--grpc-port", str(grpc_port)),
                ],
                cwd=folder,
                env=os.environ | {"BQEMU_GCS_LOCAL_ROOT": str(buckets), "PYTHONPATH": str(ROOT)},
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
        path: the DuckDB file beside it.
        emulator: where the datasets are.
        dataset: prefix of the datasets; every project of an emulator needs its own.
        target: the target of profiles.yml.
        gcp_project: where its datasets are; one that names them without a prefix needs its own.
        sent: what the last command sent to BigQuery, as pairs of node (none for what dbt asks itself) and statement.
    """

    emulator: Emulator
    dataset: str
    target: str = field(default="emulator", kw_only=True)
    gcp_project: str = field(default=GCP_PROJECT, kw_only=True)
    sent: list[tuple[str, str]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.client = bigquery.Client(
            self.gcp_project, AnonymousCredentials(), client_options={"api_endpoint": self.emulator.url}
        )

    @property
    def parse_key(self) -> tuple:
        """What a parse depends on: the project is the database, the dataset the schema."""
        return (self.root, self.profiles, self.target, self.gcp_project, self.dataset)

    def dbt(self, *arguments: str, variables: dict[str, Any] | None = None) -> str:
        """Runs one dbt command on the emulator, and keeps the statements that dbt sent.

        Returns:
            What dbt said.

        Raises:
            BuildError: it failed.
        """
        self.sent.clear()
        environment = {
            "BIGQUERY_EMULATOR_HOST": self.emulator.url,
            "CHATFUEL_BIGQUERY_DATASET": self.dataset,
            "CHATFUEL_BIGQUERY_PROJECT": self.gcp_project,
        }
        raw_schema = {"chatfuel_raw_schema": f"{self.dataset}_raw"}
        with patch.dict(os.environ, environment):
            return super().dbt(*arguments, variables={**raw_schema, **(variables or {})})

    def manifest(self, variables: dict[str, Any] | None) -> Manifest:
        """The parsed project. The emulator takes no list of columns before `as select`; dbt has compared them by then."""
        manifest = super().manifest(variables)
        if self.target == "emulator":
            name = "default__get_table_columns_and_constraints"
            manifest.macros[f"macro.dbt.{name}"].macro_sql = f"{{% macro {name}() %}}{{% endmacro %}}"
        return manifest

    @property
    def listeners(self) -> list[Callable[[EventMsg], None]]:
        """Keeps the statements."""

        def keep(event: EventMsg) -> None:
            if event.info.name == "SQLQuery":
                self.sent.append((event.data.node_info.unique_id, event.data.sql))

        return [keep]

    def load(self, path: Path) -> None:
        """Adds the raw rows of a DuckDB file."""
        dataset = f"{self.gcp_project}.{self.dataset}_raw"
        self.client.create_dataset(dataset, exists_ok=True, retry=None, timeout=30)
        with duckdb.connect(str(path)) as connection:
            for table, spec in RAW_SCHEMA["tables"].items():
                columns = RAW_SCHEMA["pull_columns"] + spec["columns"]
                rows = connection.execute(
                    f"select to_json(t) from (select {', '.join(c['name'] for c in columns)} from chatfuel_raw.{table}) t"
                ).fetchall()
                schema = [bigquery.SchemaField(column["name"], column["type"]) for column in columns]
                target = bigquery.Table(f"{dataset}.{table}", schema)
                self.client.create_table(target, exists_ok=True, retry=None, timeout=30)
                # the emulator takes no empty file
                if rows:
                    self.client.load_table_from_file(
                        BytesIO("\n".join(row for (row,) in rows).encode()),
                        target,
                        job_config=bigquery.LoadJobConfig(
                            source_format="NEWLINE_DELIMITED_JSON",
                            write_disposition="WRITE_APPEND",
                            schema=schema,
                        ),
                    ).result(retry=None, timeout=60)

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """All rows of every table that the project builds, by the name that it has on DuckDB."""
        tables = {
            f"{dataset.dataset_id.replace(self.dataset, 'chatfuel', 1)}.{table.table_id}": table.reference
            for dataset in self.client.list_datasets(retry=None, timeout=30)
            if dataset.dataset_id.startswith(self.dataset)
            for table in self.client.list_tables(dataset.dataset_id, retry=None, timeout=30)
            if table.table_type == "TABLE"
        }
        outside = ("chatfuel_raw", "chatfuel_utilities")
        return {
            name: self.query(f"select * from `{table.dataset_id}`.{table.table_id}")
            for name, table in tables.items()
            if name.split(".")[0] not in outside
        }

    def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        rows = self.client.query(sql, retry=None, job_retry=None).result(retry=None, timeout=60)
        return [dict(row.items()) for row in rows]
