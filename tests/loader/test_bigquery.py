"""The loading protocol through the real BigQuery client, against a strict fake of the jobs endpoints."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from datetime import UTC, datetime

import pytest
import responses
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from loader.errors import RefusedError, WarehouseError
from loader.landing import Landing, Pull
from loader.warehouse import Converted, raw_tables
from loader.warehouse.bigquery import BigQueryWarehouse

HOST = "https://bigquery.test"
PULL = Pull("bot_a", datetime(2024, 6, 3, 7, 30, tzinfo=UTC))
ROWS = 3


class FakeBigQuery:
    """Load jobs as BigQuery keeps them: an id is taken once, a job that succeeds adds its rows once.

    Attributes:
        rows: by table.
        jobs: every job by its id, as the API shows it.
        accidents: what happens to the next jobs of a table, one after the other.
    """

    def __init__(self):
        self.rows = Counter()
        self.jobs = {}
        self.loads = []
        self.accidents = {}
        self.not_found = 0
        self.sessions = []
        self.lost = set()
        self.tables = {}
        self.requests, self.killed = 0, (0, "", None)

    def forget(self):
        """As if nothing had been loaded ever."""
        self.rows.clear()
        self.jobs.clear()
        self.tables.clear()
        self.loads.clear()
        self.sessions.clear()

    def answer(self, respond):
        """A callback that answers, unless the loader is killed just before or after."""

        def callback(request):
            self.requests += 1
            step, when, error = self.killed
            if (self.requests, when) == (step, "before"):
                raise error
            answered = respond(request)
            if (self.requests, when) == (step, "after"):
                raise error
            return answered

        return callback

    def create(self, request):
        table = json.loads(request.body)
        table_id = table.get("tableReference", {}).get("tableId")
        if table_id in self.tables:
            return error(409, "duplicate", f"Already Exists: Table {table_id}")
        if table_id:
            self.tables[table_id] = table
        return 200, {}, request.body

    def get_table(self, request):
        return 200, {}, json.dumps(self.tables[request.url.split("/")[-1].split("?")[0]])

    def update_table(self, request):
        table = self.tables[request.url.split("/")[-1].split("?")[0]]
        table |= json.loads(request.body)
        return 200, {}, json.dumps(table)

    def expiry(self):
        """Days that partitions are kept, by table."""
        milliseconds = {
            name: table["timePartitioning"].get("expirationMs") for name, table in self.tables.items()
        }
        return {name: value and int(value) / 86_400_000 for name, value in milliseconds.items()}

    def begin(self, request):
        """A resumable upload, as the client does it: the job first, then its bytes to an address of their own."""
        self.sessions.append(json.loads(request.body))
        return 200, {"location": f"{HOST}/session/{len(self.sessions) - 1}"}, ""

    def finish(self, request):
        number = int(request.url.split("/")[-1])
        if number in self.lost:
            return error(503, "backendError", "nothing is heard of this upload again")
        status, headers, body = self.start(copy.deepcopy(self.sessions[number]))
        if status == 503:
            self.lost.add(number)
        return status, headers, body

    def start(self, job):
        job_id = job["jobReference"]["jobId"]
        table = job["configuration"]["load"]["destinationTable"]["tableId"]
        if job_id in self.jobs:
            return error(409, "duplicate", f"Already Exists: Job {job_id}")
        accident = self.accidents[table].pop(0) if self.accidents.get(table) else None
        if accident == "never arrives":
            return error(503, "backendError", "try again")
        if accident == "quota":
            return error(403, "quotaExceeded", "too many load jobs")
        self.loads.append(table)
        job |= {"status": {"state": "DONE"}, "id": job_id, "kind": "bigquery#job"}
        job["statistics"] = {"load": {"outputRows": str(ROWS)}}
        self.jobs[job_id] = job
        if accident in ("backendError", "invalid"):
            job["status"] |= {"errorResult": {"reason": accident, "message": "it failed"}}
        elif accident == "loads too little":
            self.rows[table] += ROWS - 1
        else:
            self.rows[table] += ROWS if table != "pulls" else 1
        if accident == "still running":
            job["status"]["state"] = "RUNNING"
        if accident == "answer lost":
            return error(503, "backendError", "the answer was lost")
        return 200, {}, json.dumps(job)

    def get_job(self, request):
        if self.not_found:
            self.not_found -= 1
            return error(404, "notFound", "Not found: Job")
        job_id = request.url.split("/")[-1].split("?")[0]
        if job_id not in self.jobs:
            return error(404, "notFound", "Not found: Job")
        answer = json.dumps(self.jobs[job_id])
        self.jobs[job_id]["status"]["state"] = "DONE"
        return 200, {}, answer

    def query(self, request):
        table = re.search(r"`\.(\w+)", json.loads(request.body)["query"])[1]
        return (
            200,
            {},
            json.dumps(
                {
                    "jobComplete": True,
                    "jobReference": {"projectId": "p", "jobId": "q", "location": "US"},
                    "schema": {"fields": [{"name": "found", "type": "INTEGER"}]},
                    "rows": [{"f": [{"v": str(self.rows[table])}]}],
                    "totalRows": "1",
                }
            ),
        )


def error(status, reason, message):
    return (
        status,
        {},
        json.dumps({"error": {"code": status, "message": message, "errors": [{"reason": reason}]}}),
    )


@pytest.fixture
def fake():
    fake = FakeBigQuery()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        api = f"{HOST}/bigquery/v2/projects/p"
        mock.add_callback("POST", re.compile(rf"{HOST}/upload/.*"), fake.answer(fake.begin))
        mock.add_callback("PUT", re.compile(rf"{HOST}/session/.*"), fake.answer(fake.finish))
        mock.add_callback("GET", re.compile(rf"{api}/jobs/.*"), fake.answer(fake.get_job))
        mock.add_callback("POST", re.compile(rf"{api}/queries"), fake.answer(fake.query))
        mock.add_callback("POST", re.compile(rf"{api}/datasets.*"), fake.answer(fake.create))
        mock.add_callback("GET", re.compile(rf"{api}/datasets/.*/tables/.*"), fake.answer(fake.get_table))
        mock.add_callback(
            "PATCH", re.compile(rf"{api}/datasets/.*/tables/.*"), fake.answer(fake.update_table)
        )
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
    warehouse.load(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}
    assert fake.loads[-1] == "pulls"


def test_a_pull_in_the_ledger_is_left_alone(fake, warehouse, converted):
    warehouse.load(PULL, converted)
    loads = list(fake.loads)
    warehouse.load(PULL, converted)
    assert fake.loads == loads


def test_after_a_crash_the_jobs_that_were_done_are_adopted(fake, warehouse, converted):
    warehouse.load(PULL, converted)
    # the crash: everything but the ledger
    fake.rows["pulls"] = 0
    ledger = next(job_id for job_id in fake.jobs if "-pulls-" in job_id)
    del fake.jobs[ledger]
    warehouse.load(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}
    assert Counter(fake.loads)["users"] == 1


@pytest.mark.parametrize("accident", ["answer lost", "never arrives", "still running", "backendError"])
def test_rows_come_once_whatever_happens_to_a_job(fake, warehouse, converted, accident):
    fake.accidents["users"] = [accident]
    warehouse.load(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}


def test_a_job_that_failed_for_a_passing_reason_is_followed_by_the_next_generation(
    fake, warehouse, converted
):
    fake.accidents["users"] = ["backendError"]
    warehouse.load(PULL, converted)
    assert [job_id[-3:] for job_id in fake.jobs if "-users-" in job_id] == ["-g1", "-g2"]


def test_a_job_is_adopted_though_bigquery_does_not_find_it_for_a_moment(fake, warehouse, converted):
    fake.accidents["pulls"] = ["invalid"]
    with pytest.raises(WarehouseError):
        warehouse.load(PULL, converted)
    fake.jobs = {job_id: job for job_id, job in fake.jobs.items() if "-pulls-" not in job_id}
    fake.not_found = 2
    warehouse.load(PULL, converted)
    assert Counter(fake.loads) == Counter([*raw_tables(), "pulls"])


def test_rows_that_were_removed_are_loaded_again_though_their_job_is_there(fake, warehouse, converted):
    warehouse.load(PULL, converted)
    # what gc does after a crash before the ledger
    fake.rows.clear()
    warehouse.load(PULL, converted)
    assert fake.rows == dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}


@pytest.mark.parametrize(("accident", "words"), [("invalid", "it failed"), ("quota", "too many load jobs")])
def test_a_final_error_ends_the_load_without_a_ledger_row(fake, warehouse, converted, accident, words):
    fake.accidents["users"] = [accident]
    with pytest.raises(WarehouseError, match=f"{words}.*reload"):
        warehouse.load(PULL, converted)
    assert fake.rows["pulls"] == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_loader_killed_at_any_request_leaves_nothing_doubled(fake, warehouse, converted, when):
    class KilledError(BaseException):
        pass

    expected = dict.fromkeys(converted.rows, ROWS) | {"pulls": 1}
    fake.killed, fake.requests = (0, when, KilledError), 0
    warehouse.load(PULL, converted)
    steps = fake.requests
    assert steps > 3 * len(expected)
    for step in range(1, steps + 1):
        fake.forget()
        fake.killed, fake.requests = (step, when, KilledError), 0
        with pytest.raises(KilledError):
            warehouse.load(PULL, converted)
        fake.killed = (0, when, KilledError)
        warehouse.load(PULL, converted)
        assert fake.rows == expected, f"killed {when} request {step}"


def test_a_wrong_row_count_keeps_the_pull_out_of_the_ledger(fake, warehouse, converted):
    fake.accidents["users"] = ["loads too little"]
    with pytest.raises(RefusedError, match=r"users has 2 rows of this pull instead of 3.*gc.*reload"):
        warehouse.load(PULL, converted)
    assert fake.rows["pulls"] == 0


def test_raw_rows_are_kept_for_ever_unless_told_otherwise(fake, warehouse, converted):
    warehouse.load(PULL, converted)
    assert fake.expiry() == dict.fromkeys(raw_tables())


def test_partitions_of_raw_rows_expire_and_those_of_the_ledger_never(fake, open_warehouse, converted):
    open_warehouse(retention_days=90).load(PULL, converted)
    assert fake.expiry() == dict.fromkeys(raw_tables(), 90) | {"pulls": None}


def test_another_retention_holds_for_tables_that_are_there(fake, open_warehouse, converted):
    open_warehouse(retention_days=90).load(PULL, converted)
    open_warehouse(retention_days=30).load(PULL, converted)
    assert fake.expiry() == dict.fromkeys(raw_tables(), 30) | {"pulls": None}
    open_warehouse().load(PULL, converted)
    assert fake.expiry() == dict.fromkeys(raw_tables())
