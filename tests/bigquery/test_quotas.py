"""BigQuery's limits and clocks: one load job a table and pull, whatever a job meets; the fake is that of the loader's tests.

https://cloud.google.com/bigquery/quotas: 1,500 load jobs a table and day, failed ones too; 4,000 partitions changed by a job;
10,000 addresses a job. https://cloud.google.com/bigquery/docs/error-messages: what to do about 404, 409 and 503.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from loader.errors import WarehouseError
from loader.landing import Landing, Pull
from loader.warehouse import Converted, raw_tables
from loader.warehouse.bigquery import BigQueryWarehouse
from tests.loader.fake_bigquery import HOST, ROWS, answering

PULL = Pull("bot_a", datetime(2024, 6, 3, 7, 30, tzinfo=UTC))
ONCE = dict.fromkeys(raw_tables(), 1)


class InBucket(Landing):
    """A landing zone whose files BigQuery fetches by itself."""

    def address(self, path: Path) -> str:
        return f"gs://bucket/{path.name}"


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with answering() as fake:
        yield fake


@pytest.fixture
def converted(tmp_path):
    """Three files of each table."""
    files = {
        table: [tmp_path / f"{table}-{number:03}.parquet" for number in range(3)] for table in raw_tables()
    }
    for path in (path for paths in files.values() for path in paths):
        pq.write_table(pa.table({"pull_id": [path.stem]}), path)
    return Converted(files, {table: ROWS for table in raw_tables() if table != "pulls"})


@pytest.fixture
def open_warehouse(fake, tmp_path):
    client = bigquery.Client(
        "p", AnonymousCredentials(), location="US", client_options={"api_endpoint": HOST}
    )
    return lambda landing=Landing: BigQueryWarehouse(client, landing=landing(tmp_path), wait=0)


def test_a_pull_in_a_bucket_is_one_job_a_table(fake, open_warehouse, converted):
    open_warehouse(InBucket).write(PULL, converted)
    assert Counter(fake.loads) == ONCE
    for job in fake.jobs.values():
        load = job["configuration"]["load"]
        table = load["destinationTable"]["tableId"]
        assert load["sourceUris"] == [f"gs://bucket/{table}-{number:03}.parquet" for number in range(3)]


def test_a_pull_in_a_folder_is_one_job_a_table_with_the_rows_of_all_files(
    fake, open_warehouse, converted, tmp_path
):
    open_warehouse().write(PULL, converted)
    assert Counter(fake.loads) == ONCE
    rows = pq.read_table(tmp_path / "users-000-joined.parquet").to_pylist()
    assert [row["pull_id"] for row in rows] == ["users-000", "users-001", "users-002"]


def test_four_bots_are_rebuilt_from_a_year_of_pulls_within_a_day(fake, open_warehouse, converted):
    open_warehouse(InBucket).write(PULL, converted)
    assert max(Counter(fake.loads).values()) * 366 * 4 < 1_500


def test_a_job_is_waited_for_though_bigquery_does_not_find_it_for_a_moment(fake, open_warehouse, converted):
    fake.accidents["users"] = ["still running"]
    fake.not_found = 2
    open_warehouse().write(PULL, converted)
    assert Counter(fake.loads) == ONCE


def test_a_job_that_is_lost_is_told_and_the_next_attempt_loads_it(fake, open_warehouse, converted):
    fake.accidents["users"] = ["still running"]
    fake.not_found = 99
    with pytest.raises(WarehouseError, match=r"a job is lost.*again"):
        open_warehouse().write(PULL, converted)
    assert fake.rows["pulls"] == 0
    # BigQuery knows nothing of it, and has no row of it
    fake.jobs.clear()
    fake.rows.clear()
    fake.not_found = 0
    open_warehouse().write(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}


def test_a_job_that_was_lost_and_ran_all_the_same_is_found(fake, open_warehouse, converted):
    fake.accidents["users"] = ["still running"]
    fake.not_found = 99
    with pytest.raises(WarehouseError):
        open_warehouse().write(PULL, converted)
    fake.not_found = 0
    open_warehouse().write(PULL, converted)
    assert Counter(fake.loads) == ONCE
