"""A stand-in that says no: a proxy before the emulators, which knows principals and roles as Google's documentation has them.

Each call is mapped to the permissions that are documented for it; who lacks one is answered 403, in Google's own form. Roles:
https://cloud.google.com/bigquery/docs/access-control and https://cloud.google.com/storage/docs/access-control/iam-roles
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import requests
import sqlglot
from sqlglot import exp

from tests.pipeline.project import ROOT

Need = tuple[str, str]
"""A permission, and what it is needed on: `project`, a bucket as `gs://name`, a dataset, or `dataset.table`."""

OF_TABLES = {
    "create",
    "delete",
    "get",
    "getData",
    "getIamPolicy",
    "list",
    "setIamPolicy",
    "update",
    "updateData",
}
ROLES = {
    "roles/bigquery.user": {"bigquery.jobs.create", "bigquery.datasets.create", "bigquery.datasets.get", "bigquery.tables.list"},
    "roles/bigquery.jobUser": {"bigquery.jobs.create"},
    "roles/bigquery.dataViewer": {"bigquery.datasets.get", "bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.list"},
    # whoever makes a dataset: https://cloud.google.com/bigquery/docs/access-control-basic-roles
    "roles/bigquery.dataOwner": {f"bigquery.tables.{verb}" for verb in OF_TABLES}
    | {f"bigquery.datasets.{verb}" for verb in ("get", "update", "delete", "getIamPolicy", "setIamPolicy")},
    "roles/storage.objectAdmin": {f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list", "update")},
}  # fmt: skip
# Methods of the API: https://cloud.google.com/bigquery/docs/reference/rest and, for objects,
# https://cloud.google.com/storage/docs/access-control/iam-json. Streaming (insertAll) is none of them, so nobody may.
CALLS = [
    ("POST", r"/projects/[^/]+/datasets$", ["bigquery.datasets.create project"]),
    ("GET", r"/projects/[^/]+/datasets$", []),
    ("GET", r"/datasets/([^/]+)$", ["bigquery.datasets.get {0}"]),
    ("PATCH|PUT", r"/datasets/([^/]+)$", ["bigquery.datasets.update {0}"]),
    ("DELETE", r"/datasets/([^/]+)$", ["bigquery.datasets.delete {0}"]),
    ("GET", r"/datasets/([^/]+)/tables$", ["bigquery.tables.list {0}"]),
    ("POST", r"/datasets/([^/]+)/tables$", ["bigquery.tables.create {0}"]),
    ("GET", r"/datasets/([^/]+)/tables/([^/]+)$", ["bigquery.tables.get {0}.{1}"]),
    ("PATCH|PUT", r"/datasets/([^/]+)/tables/([^/]+)$", ["bigquery.tables.update {0}.{1}"]),
    ("DELETE", r"/datasets/([^/]+)/tables/([^/]+)$", ["bigquery.tables.delete {0}.{1}"]),
    ("GET", r"/datasets/([^/]+)/tables/([^/]+)/data$", ["bigquery.tables.getData {0}.{1}"]),
    ("POST", r"/projects/[^/]+/(jobs|queries)$", ["bigquery.jobs.create project"]),
    # whoever makes a job may get and cancel it: https://cloud.google.com/bigquery/docs/jobs-overview
    ("GET|POST|PUT", r"/(jobs|queries)/[^/]+(/cancel)?$", []),
    ("GET", r"/b/([^/]+)$", ["storage.buckets.get gs://{0}"]),
    ("GET", r"/b/([^/]+)/o$", ["storage.objects.list gs://{0}"]),
    ("GET", r"/b/([^/]+)/o/[^/]+$", ["storage.objects.get gs://{0}"]),
    ("DELETE", r"/b/([^/]+)/o/[^/]+$", ["storage.objects.delete gs://{0}"]),
    # delete, for an object of that name may be there
    ("POST|PUT", r"/b/([^/]+)/o$", ["storage.objects.create gs://{0}", "storage.objects.delete gs://{0}"]),
    ("POST", r"/b/([^/]+)/o/[^/]+/(copyTo|rewriteTo)/.*$",
     [f"storage.objects.{verb} gs://{{0}}" for verb in ("get", "create", "delete")]),
]  # fmt: skip
# https://cloud.google.com/bigquery/docs/batch-loading-data
OF_LOADS = ("bigquery.tables.create", "bigquery.tables.updateData", "bigquery.tables.update")
GRANT = re.compile(
    r"\s*(?:/\*.*?\*/)?\s*grant `(?P<role>[\w/.]+)` on \w+ (?P<on>[`\w.]+)\s+to (?P<to>.*)", re.DOTALL | re.I
)


def roles_of_setup(project: str) -> dict[str, str]:
    """The roles that deploy/bigquery/setup.sh grants, by what they are granted on: read from what it would run."""
    command = ["bash", "deploy/bigquery/setup.sh", "--dry-run", project]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    granted = (re.search(r"(\S+) --role (\S+)", line) for line in lines)
    return {
        match[2]: match[1].replace(project, "project") if match[1] == project else match[1]
        for match in granted
        if match
    }


class StandIn:
    """A running proxy.

    Attributes:
        principal: who calls.
        roles: the roles of each principal, by what they hold on.
        refused: what was refused, to whom.
        calls: what was asked, as method and path.
    """

    def __init__(self, bigquery: str, storage: str, project: str) -> None:
        """Starts before two emulators, whose addresses are given."""
        self.project = project
        self.principal = "nobody"
        self.roles: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.refused: list[tuple[str, Need]] = []
        self.calls: list[tuple[str, str]] = []
        self.datasets: set[str] = set()
        self.views: dict[str, set[str]] = {}
        self._upstream = {"bigquery": bigquery, "storage": storage}
        self._session = requests.Session()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                stand_in.answer(self, body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def may(self, permission: str, on: str) -> bool:
        """Whether who calls has a permission: on the thing itself, on its dataset or on the project."""
        held = self.roles[self.principal]
        if permission.startswith("bigquery.") and on != "project" and on.split(".")[0] not in self.datasets:
            # of what is not there, nobody is refused: it is not found
            return True
        above = {on, on.split(".")[0], *(() if on.startswith("gs://") else ("project",))}
        return any(permission in ROLES[role] for place in above for role in held[place])

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """Refuses a call, or hands it on."""
        path = request.path.split("?")[0]
        self.calls.append((request.command, path))
        is_storage = "/storage/v1" in path or "/b/" in path
        for permission, on in self.needs(request.command, path, body):
            if not self.may(permission, on):
                self.refused.append((self.principal, (permission, on)))
                self._send(request, 403, {}, json.dumps(self._refusal(permission, on)).encode())
                return
        if path.endswith("/datasets") and request.command == "POST":
            self._own(json.loads(body)["datasetReference"]["datasetId"])
        url = self._upstream["storage" if is_storage else "bigquery"] + request.path
        headers = {
            n: v
            for n, v in request.headers.items()
            if n.lower() not in ("host", "content-length", "accept-encoding")
        }
        answered = self._session.request(
            request.command, url, data=self._rewritten(body), headers=headers, timeout=120
        )
        kept = {n: v for n, v in answered.headers.items() if n.lower() in ("content-type", "location", "x-goog-hash", "x-goog-stored-content-encoding", "x-guploader-uploadid", "range")}  # fmt: skip
        self._send(request, answered.status_code, kept, answered.content)

    def needs(self, method: str, path: str, body: bytes) -> Iterator[Need]:
        """What a call needs."""
        called = [
            (match, needed)
            for methods, pattern, needed in CALLS
            if re.fullmatch(methods, method) and (match := re.search(pattern, path))
        ]
        if not called:
            yield f"unknown call {method} {path}", "project"
            return
        match, needed = called[0]
        for permission, on in (each.format(*match.groups()).split(" ", 1) for each in needed):
            yield permission, on
        if method == "POST" and re.search(r"/(jobs|queries)$", path):
            start = body.find(b"{")
            job, _ = json.JSONDecoder().raw_decode(body[start:].decode("utf-8", "replace"))
            if load := job.get("configuration", {}).get("load"):
                table = load["destinationTable"]
                for permission in OF_LOADS:
                    yield permission, f"{table['datasetId']}.{table['tableId']}"
                for bucket in {uri.split("/")[2] for uri in load.get("sourceUris", [])}:
                    yield "storage.objects.get", f"gs://{bucket}"
            else:
                yield from self._of_query(job.get("query") or job["configuration"]["query"]["query"])

    def _own(self, dataset: str) -> None:
        """Makes who calls the owner of a dataset that is new."""
        if dataset not in self.datasets:
            self.datasets.add(dataset)
            self.roles[self.principal][dataset].add("roles/bigquery.dataOwner")

    def _of_query(self, sql: str) -> Iterator[Need]:
        if grant := GRANT.match(sql):
            on = ".".join(grant["on"].replace("`", "").split(".")[-2:])
            yield "bigquery.tables.setIamPolicy", on
            for member in re.findall(r'"\w+:([^"]+)"', grant["to"]):
                self.roles[member][on].add(grant["role"])
            return
        if schema := re.search(r"create schema if not exists [`\w-]+\.`?(\w+)", sql):
            yield "bigquery.datasets.create", "project"
            if self.may("bigquery.datasets.create", "project"):
                self._own(schema[1])
            return
        for statement in sqlglot.parse(sql, read="bigquery"):
            if statement is None or isinstance(statement, exp.Command | exp.Transaction | exp.Commit):
                continue
            names = {cte.alias for cte in statement.find_all(exp.CTE)}
            tables = {
                f"{t.db}.{t.name}" for t in statement.find_all(exp.Table) if t.db and t.name not in names
            }
            written = (
                statement.find(exp.Table)
                if isinstance(statement, exp.Create | exp.DML | exp.Alter | exp.Drop)
                else None
            )
            target = f"{written.db}.{written.name}" if written is not None and written.db else ""
            if target:
                yield (
                    f"bigquery.tables.{'create' if isinstance(statement, exp.Create) else 'updateData'}",
                    target,
                )
            if isinstance(statement, exp.Create) and statement.kind == "VIEW":
                self.views[target] = tables - {target}
            # https://cloud.google.com/bigquery/docs/views: who reads a view needs to read what it reads
            for table in tables - {target}:
                yield from self._of_reading(table)

    def _of_reading(self, table: str) -> Iterator[Need]:
        if "information_schema" in table.lower() or "__tables__" in table.lower():
            yield "bigquery.tables.list", table.split(".")[0]
            return
        yield "bigquery.tables.getData", table
        for below in self.views.get(table, ()):
            yield from self._of_reading(below)

    def _rewritten(self, body: bytes) -> bytes:
        """What the emulator does not know, as something that it knows: it has no GRANT, and lists nothing of whom it was to."""
        try:
            job = json.loads(body)
            query = job["configuration"]["query"]
        except (ValueError, KeyError, TypeError):
            return body
        if GRANT.match(query["query"]):
            query["query"] = "select 1"
        elif "OBJECT_PRIVILEGES" in query["query"]:
            query["query"] = (
                "select 'role' as privilege_type, 'nobody' as grantee from unnest([1]) as one where false"
            )
        elif "__TABLES__" in query["query"]:
            query["query"] = "select 1 as id from unnest([1]) as one where false"
        return json.dumps(job).encode()

    def _refusal(self, permission: str, on: str) -> dict[str, Any]:
        if permission.startswith("storage."):
            message = (
                f"{self.principal} does not have {permission} access to the Google Cloud Storage bucket."
                f" Permission '{permission}' denied on resource (or it may not exist)."
            )
        elif on == "project":
            message = f"Access Denied: Project {self.project}: User does not have {permission} permission in project {self.project}."
        else:
            kind = "Table" if "." in on else "Dataset"
            message = f"Access Denied: {kind} {self.project}:{on}: Permission {permission} denied on {kind.lower()} {self.project}:{on} (or it may not exist)."
        reason = "forbidden" if permission.startswith("storage.") else "accessDenied"
        errors = [{"message": message, "domain": "global", "reason": reason}]
        return {"error": {"code": 403, "message": message, "errors": errors, "status": "PERMISSION_DENIED"}}

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        request.send_response(status)
        for name, value in {
            "content-type": "application/json",
            **{n.lower(): v for n, v in headers.items()},
        }.items():
            request.send_header(name, value)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
