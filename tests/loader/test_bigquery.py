"""The loading protocol through the real BigQuery client, against a strict fake of the jobs endpoints."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from loader.errors import RefusedError, WarehouseError
from loader.landing import Landing, Pull
from loader.warehouse import Converted, raw_tables
from loader.warehouse.bigquery import BigQueryWarehouse
from tests.loader.fake_bigquery import HOST, ROWS, answering

PULL = Pull("bot_a", datetime(2024, 6, 3, 7, 30, tzinfo=UTC))


@pytest.fixture
def fake():
    with answering() as fake:
        yield fake


@pytest.fixture
def open_warehouse(fake, monkeypatch, tmp_path):
    # the client itself tries again for ten minutes; they are not waited for
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    client = bigquery.Client(
        "p", AnonymousCredentials(), location="US", client_options={"api_endpoint": HOST}
    )
    return lambda **options: BigQueryWarehouse(client, landing=Landing(tmp_path), wait=0, **options)


@pytest.fixture
def warehouse(open_warehouse):
    return open_warehouse()


@pytest.fixture
def converted(tmp_path):
    tables = [table for table in raw_tables() if table != "pulls"]
    files = {table: [tmp_path / f"{table}.parquet"] for table in (*tables, "pulls")}
    for table, (path,) in files.items():
        path.write_text(f"rows of {table}")
    return Converted(files, dict.fromkeys(tables, ROWS))


def test_a_pull_is_loaded_and_its_ledger_row_comes_last(fake, warehouse, converted):
    warehouse.write(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}
    assert fake.loads[-1] == "pulls"


def test_a_pull_in_the_ledger_is_left_alone(fake, warehouse, converted):
    warehouse.write(PULL, converted)
    loads = list(fake.loads)
    warehouse.write(PULL, converted)
    assert fake.loads == loads


def test_after_a_crash_the_jobs_that_were_done_are_adopted(fake, warehouse, converted):
    warehouse.write(PULL, converted)
    # the crash: everything but the ledger
    fake.rows["pulls"] = 0
    ledger = next(job_id for job_id in fake.jobs if "-pulls-" in job_id)
    del fake.jobs[ledger]
    warehouse.write(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}
    assert Counter(fake.loads)["users"] == 1


@pytest.mark.parametrize("accident", ["answer lost", "never arrives", "still running", "backendError"])
def test_rows_come_once_whatever_happens_to_a_job(fake, warehouse, converted, accident):
    fake.accidents["users"] = [accident]
    warehouse.write(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}


def test_a_job_that_failed_for_a_passing_reason_is_followed_by_the_next_generation(
    fake, warehouse, converted
):
    fake.accidents["users"] = ["backendError"]
    warehouse.write(PULL, converted)
    assert [job_id[-3:] for job_id in fake.jobs if "-users-" in job_id] == ["-g1", "-g2"]


def test_a_job_is_adopted_though_bigquery_does_not_find_it_for_a_moment(fake, warehouse, converted):
    fake.accidents["pulls"] = ["invalid"]
    with pytest.raises(WarehouseError):
        warehouse.write(PULL, converted)
    fake.jobs = {job_id: job for job_id, job in fake.jobs.items() if "-pulls-" not in job_id}
    fake.not_found = 2
    warehouse.write(PULL, converted)
    assert Counter(fake.loads) == Counter([*raw_tables(), "pulls"])


def test_rows_that_were_removed_are_loaded_again_though_their_job_is_there(fake, warehouse, converted):
    warehouse.write(PULL, converted)
    # what gc does after a crash before the ledger
    fake.rows.clear()
    warehouse.write(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}


@pytest.mark.parametrize(
    ("accident", "words"), [("invalid", "it failed.*reload"), ("quota", "too many load jobs.*again")]
)
def test_a_final_error_ends_the_load_without_a_ledger_row(fake, warehouse, converted, accident, words):
    fake.accidents["users"] = [accident]
    with pytest.raises(WarehouseError, match=words):
        warehouse.write(PULL, converted)
    assert fake.rows["pulls"] == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_loader_killed_at_any_request_leaves_nothing_doubled(fake, warehouse, converted, when):
    class KilledError(BaseException):
        pass

    # Two tables: what is done for each is the same.
    converted = replace(converted, rows=dict.fromkeys(("users", "user_attributes"), ROWS))
    expected = dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}
    fake.killed, fake.requests = (0, when, KilledError), 0
    warehouse.write(PULL, converted)
    steps = fake.requests
    assert steps > 3 * len(expected)
    for step in range(1, steps + 1):
        fake.forget()
        fake.killed, fake.requests = (step, when, KilledError), 0
        with pytest.raises(KilledError):
            warehouse.write(PULL, converted)
        fake.killed = (0, when, KilledError)
        warehouse.write(PULL, converted)
        assert fake.rows == expected, f"killed {when} request {step}"


def test_a_wrong_row_count_keeps_the_pull_out_of_the_ledger(fake, warehouse, converted):
    fake.accidents["users"] = ["loads too little"]
    with pytest.raises(RefusedError, match=r"users has 2 rows of this pull instead of 3.*reload"):
        warehouse.write(PULL, converted)
    assert fake.rows["pulls"] == 0
    warehouse.write(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}


def test_a_ledger_that_was_lost_comes_back_and_no_row_twice(fake, warehouse, converted):
    warehouse.write(PULL, converted)
    fake.rows["pulls"] = 0
    warehouse.write(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}


def test_nor_if_what_is_made_of_the_pull_has_other_bytes_by_now(fake, warehouse, converted):
    warehouse.write(PULL, converted)
    fake.rows["pulls"] = 0
    converted.files["users"][0].write_text("rows of users, packed by another version")
    with pytest.raises(RefusedError, match="users has 6 rows of this pull instead of 3"):
        warehouse.write(PULL, converted)
    warehouse.write(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}


def test_how_a_table_is_laid_out_and_labelled_reaches_bigquery(fake, warehouse, converted):
    warehouse.write(PULL, converted)
    for table, made in fake.tables.items():
        assert made["clustering"] == {"fields": raw_tables()[table].cluster_by}
        assert made["timePartitioning"]["field"] == "pull_date"
        assert made["labels"] == {"app": "chatfuel"}
        assert made["description"] == raw_tables()[table].description
    assert len(fake.tables) == len(raw_tables())
    for job in fake.jobs.values():
        assert job["configuration"]["labels"] == {"app": "chatfuel"}
        assert job["configuration"]["load"]["createDisposition"] == "CREATE_NEVER"
        assert job["configuration"]["load"]["writeDisposition"] == "WRITE_APPEND"


def test_raw_rows_are_kept_for_ever_unless_told_otherwise(fake, warehouse, converted):
    warehouse.write(PULL, converted)
    assert fake.expiry() == dict.fromkeys(raw_tables())


def test_partitions_of_raw_rows_expire_and_those_of_the_ledger_never(fake, open_warehouse, converted):
    open_warehouse(retention_days=90).write(PULL, converted)
    assert fake.expiry() == dict.fromkeys(raw_tables(), 90) | {"pulls": None}


def test_another_retention_holds_for_tables_that_are_there(fake, open_warehouse, converted):
    open_warehouse(retention_days=90).write(PULL, converted)
    open_warehouse(retention_days=30).write(PULL, converted)
    assert fake.expiry() == dict.fromkeys(raw_tables(), 30) | {"pulls": None}
    open_warehouse().write(PULL, converted)
    assert fake.expiry() == dict.fromkeys(raw_tables())
