"""What tests of a pull look at: landed files, and requests."""

import csv
import gzip
import io
import json

TABLES = (
    "attributes", "users", "user_attributes", "segments", "broadcasts", "scheduled_entries", "broadcast_stats",
    "block_filters", "broadcast_recipients",
)  # fmt: skip


def landed_json(folder, name):
    return json.loads(gzip.decompress((folder / f"{name}.json.gz").read_bytes()))


def landed_csv(folder, name):
    text = gzip.decompress((folder / f"{name}.csv.gz").read_bytes()).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def variables(requests, operation):
    bodies = [json.loads(request.body) for request in requests if request.path[0] == "graphql"]
    return [body["variables"] for body in bodies if body["operationName"] == operation]


def graphql(request, operation):
    return request.query.get("opName") == operation
