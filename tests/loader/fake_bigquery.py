"""A strict fake of BigQuery's endpoints, as far as the loader uses them."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from contextlib import contextmanager

import responses

HOST = "https://bigquery.test"
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

    def load(self, request):
        """A job whose files BigQuery fetches by itself."""
        return self.start(json.loads(request.body))

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
        query = json.loads(request.body)["query"]
        table = re.search(r"`\.(\w+)", query)[1]
        if query.strip().startswith("delete"):
            self.rows[table] = 0
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


@contextmanager
def answering():
    """Let the fake answer what the client asks."""
    fake = FakeBigQuery()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        api = f"{HOST}/bigquery/v2/projects/p"
        mock.add_callback("POST", re.compile(rf"{HOST}/upload/.*"), fake.answer(fake.begin))
        mock.add_callback("PUT", re.compile(rf"{HOST}/session/.*"), fake.answer(fake.finish))
        mock.add_callback("GET", re.compile(rf"{api}/jobs/.*"), fake.answer(fake.get_job))
        mock.add_callback("POST", re.compile(rf"{api}/jobs"), fake.answer(fake.load))
        mock.add_callback("POST", re.compile(rf"{api}/queries"), fake.answer(fake.query))
        mock.add_callback("POST", re.compile(rf"{api}/datasets.*"), fake.answer(fake.create))
        mock.add_callback("GET", re.compile(rf"{api}/datasets/.*/tables/.*"), fake.answer(fake.get_table))
        mock.add_callback(
            "PATCH", re.compile(rf"{api}/datasets/.*/tables/.*"), fake.answer(fake.update_table)
        )
        yield fake
