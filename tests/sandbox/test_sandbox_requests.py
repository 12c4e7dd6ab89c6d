"""What the sandbox answers, and what it refuses."""

import re
import subprocess
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.server import running
from tests.sandbox.conftest import BLOCK, CATALOGUE, EVERYONE, EXPORT, SEGMENTS, USER_ID, Client

STATUS = {"name": "status", "type": "system"}
LAST_SEEN = {"name": "last seen", "type": "system"}


def refused(client, fields, audience=EVERYONE):
    answer = client.graphql(EXPORT, params={"fields": fields}, filter=audience)
    assert answer["data"] is None
    return answer["errors"][0]["message"]


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "sandbox-token"])
def test_without_the_right_token_graphql_and_json_say_401(sandbox, authorization):
    headers = {"Authorization": authorization} if authorization else {}
    body = {"query": CATALOGUE, "variables": {"botId": sandbox.bot_id}}
    graphql = requests.post(f"{sandbox.url}/graphql", json=body, headers=headers, timeout=30)
    entries = requests.get(
        f"{sandbox.url}/api/bots/{sandbox.bot_id}/scheduled_entries", headers=headers, timeout=30
    )
    assert (graphql.status_code, entries.status_code) == (401, 401)


def test_without_the_right_token_a_download_is_a_login_page(client):
    path = client.generate([USER_ID])
    response = requests.get(client.sandbox.url + path, headers={"Authorization": "Bearer wrong"}, timeout=30)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert b"Log in" in response.content


def test_health_needs_no_token(sandbox):
    response = requests.get(f"{sandbox.url}/_sandbox/health", timeout=30)
    assert response.json() == {"status": "ok", "day": 0, "now": "2024-06-03T07:30:00Z"}


@pytest.mark.parametrize("query", ["{ __schema { queryType { name } } }", '{ __type(name: "Bot") { name } }'])
def test_introspection_is_refused(client, query):
    answer = client.graphql(query)
    assert answer["data"] is None
    assert "introspection" in answer["errors"][0]["message"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ bot(id: 1", "Syntax Error"),
        ("query ($botId: String!) { bot(id: $botId) { nonsense } }", "Cannot query field 'nonsense'"),
        ("query ($botId: ID!) { bot(id: $botId) { id } }", "expecting type 'String!'"),
        ('{ bot(id: "nobody") { id } }', "Bot not found"),
    ],
)
def test_what_is_wrong_with_a_query_comes_with_200_and_data_null(client, query, message):
    answer = client.graphql(query)
    assert answer["data"] is None
    assert message in answer["errors"][0]["message"]


def test_operation_name_in_the_address_is_accepted(client):
    body = {"operationName": "segments", "query": SEGMENTS, "variables": {"botId": client.bot_id}}
    assert len(client.post("/graphql?opName=segments", body).json()["data"]["bot"]["segments"]) > 30


def test_a_body_that_is_no_request_is_400(client):
    assert client.post("/graphql", ["nonsense"]).status_code == 400


def test_catalogue_has_the_custom_attributes_asked_for_and_the_system_fields_but_status(client):
    catalogue = client.catalogue()
    system = {one["name"] for one in catalogue if one["type"] == "system"}
    assert sum(one["type"] == "custom" for one in catalogue) == 60
    assert {"chatfuel user id", "last seen", "instagram handle", "sessions"} <= system
    assert not {"status", "page id"} & system


def test_names_that_differ_in_case_or_in_space_and_underscore_only(client):
    names = {one["name"] for one in client.catalogue()}
    assert {"AB_Split", "ab_split", "Favorite color", "favorite_color"} <= names
    alike = {name.lower().replace(" ", "_") for name in names}
    assert len(alike) <= len(names) - 4


def test_export_begins_with_last_seen_and_page_id(client):
    header, *rows = client.download(client.generate([USER_ID, LAST_SEEN, STATUS]))
    assert header == ["last seen", "page id", "chatfuel user id", "status"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row[0]) and row[1].isdigit() for row in rows)
    assert {row[3] for row in rows} == {"reachable", "blocked"}


def test_user_ids_are_unique_and_some_exceed_what_a_float_holds(client):
    ids = client.ids(EVERYONE)
    assert len(ids) == len(set(ids)) > 290
    assert any(int(float(user_id)) != int(user_id) for user_id in ids)


def test_instagram_users_have_a_handle_and_others_have_none(client):
    fields = [{"name": "instagram handle", "type": "system"}, {"name": "first name", "type": "system"}]
    rows = client.rows(fields)
    assert 0.1 < sum(bool(row["instagram handle"]) for row in rows) / len(rows) < 0.6
    assert all(bool(row["instagram handle"]) != bool(row["first name"]) for row in rows)


def test_most_cells_are_empty_and_nasty_values_come_through(client):
    custom_names = {one["name"] for one in client.catalogue() if one["type"] == "custom"}
    everything = client.everything()
    custom = [
        value for values in everything.values() for name, value in values.items() if name in custom_names
    ]
    assert 10 < len(custom) / len(everything) < 30
    nasty = {"NA", "null", "10:00", "-7.0", "a, b and c", "two\nlines", 'two\r\nlines, "quoted"', "💚", "007"}
    assert nasty <= set(custom)


def test_sort_by_updated_date_descending(client):
    seen = [row["last seen"] for row in client.rows([USER_ID], sortBy="updated_date", desc=True)]
    assert seen == sorted(seen, reverse=True)
    assert seen != [row["last seen"] for row in client.rows([USER_ID])]


def test_1500_fields_pass_and_1501_do_not():
    with running(users=20, attributes=1510) as sandbox:
        client = Client(sandbox)
        fields = [one for one in client.catalogue() if one["type"] == "custom"]
        header = client.download(client.generate(fields[:1500]))[0]
        assert header == ["last seen", "page id"] + [one["name"] for one in fields[:1500]]
        assert "too many fields" in refused(client, fields[:1501])


@pytest.mark.parametrize(
    "field",
    [
        {"name": "nobody made this", "type": "custom"},
        {"name": "segment", "type": "system"},
        {"name": "status", "type": "custom"},
        {"name": "SEGMENT", "type": "custom"},
    ],
)
def test_a_field_that_the_bot_does_not_have_is_an_error(client, field):
    assert field["name"] in refused(client, [USER_ID, field])


def test_a_field_asked_for_twice_is_served_twice(client):
    header, *found = client.download(client.generate([STATUS, USER_ID, STATUS, USER_ID]))
    assert header[2:] == ["status", "chatfuel user id"] * 2
    assert all(row[2:4] == row[4:] for row in found)


def test_a_document_expires():
    with running(users=20, attributes=60, document_seconds=0) as sandbox:
        client = Client(sandbox)
        response = client.get(client.generate([USER_ID]))
    assert response.status_code == 404
    assert "expired" in response.json()["message"]


def test_a_document_is_the_state_at_the_moment_it_was_generated():
    with running(users=100, attributes=60) as sandbox:
        client = Client(sandbox)
        before = client.generate([USER_ID, {"name": "sessions", "type": "system"}])
        rows = client.download(before)
        sandbox.move_to(3)
        assert client.download(before) == rows
        assert client.rows([USER_ID]) != rows


def test_a_document_can_be_downloaded_twice(client):
    path = client.generate([USER_ID])
    assert client.get(path).content == client.get(path).content != b""


def test_json_endpoints_accept_a_doubled_slash(client):
    doubled = client.get(f"/api/bots//{client.bot_id}/scheduled_entries").json()
    assert doubled["result"] == client.entries() != []


def test_an_unknown_bot_or_path_is_404(client):
    assert client.get("/api/bots/nobody/scheduled_entries").status_code == 404
    assert client.get("/nonsense").status_code == 404


def test_results_come_newest_first_and_limited(client):
    results = client.results()
    starts = [one["started_at"] for one in client.results("?limit=100&from=")]
    assert len(results) == 10
    assert starts == sorted(starts, reverse=True)
    after = client.results(f"?limit=2&from={results[3]['broadcast_id']}")
    assert after == results[4:6]


@pytest.mark.parametrize("query", ["?limit=many", "?from=nonsense"])
def test_results_refuse_what_they_do_not_understand(client, query):
    assert client.get(f"/api/bots/{client.bot_id}/broadcast_stats{query}").status_code == 400


def test_an_unknown_block_is_null(client):
    assert client.graphql(BLOCK, blockId="nonsense") == {
        "data": {"bot": {"id": client.bot_id, "block": None}}
    }


def test_the_day_moves_forward_only():
    with running(users=20, attributes=60) as sandbox:
        client = Client(sandbox)
        assert client.post("/_sandbox/day", {"day": 3}).json() == {"day": 3, "now": "2024-06-06T07:30:00Z"}
        assert client.get("/_sandbox/day").json() == {"day": 3, "now": "2024-06-06T07:30:00Z"}
        assert client.post("/_sandbox/day", {"day": 3}).status_code == 200
        back = client.post("/_sandbox/day", {"day": 2})
        assert back.status_code == 400
        assert "does not go back" in back.json()["error"]
        assert client.post("/_sandbox/day", {"day": "four"}).status_code == 400
        assert sandbox.move_to(4).isoformat() == "2024-06-07T07:30:00+00:00"


def test_a_connection_stays_open_after_a_streamed_download(client):
    path = client.generate([USER_ID])
    connection = HTTPConnection(urlsplit(client.sandbox.url).netloc, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {client.sandbox.token}"})
    response = connection.getresponse()
    assert response.headers["Transfer-Encoding"] == "chunked"
    response.read()
    first = connection.sock
    connection.request("GET", "/_sandbox/health")
    assert connection.getresponse().status == 200
    assert connection.sock is first is not None
    connection.close()


def test_two_bots_differ_in_their_data_and_share_user_ids_partly():
    with running(users=100, attributes=60, bot_id="first,second") as sandbox:
        first, second = (Client(sandbox, bot_id).everything() for bot_id in sandbox.bot_ids)
    shared = first.keys() & second.keys()
    assert 20 < len(shared) < 80
    assert all(first[user_id] != second[user_id] for user_id in shared)


def test_the_command_says_where_it_listens_and_ends_when_told():
    command = [
        sys.executable,
        "-m",
        "sandbox",
        "--port",
        "0",
        "--users",
        "20",
        "--attributes",
        "60",
        "--day",
        "2",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = re.fullmatch(r"sandbox: (http://127\.0\.0\.1:\d+) day 2 2024-06-05T07:30:00Z\n", line)[1]
        assert requests.get(f"{url}/_sandbox/health", timeout=30).json()["day"] == 2
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_the_command_refuses_wrong_options_in_one_line():
    command = [sys.executable, "-m", "sandbox", "--attributes", "3"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith("sandbox: attributes must be at least 40")
    assert ended.stderr.count("\n") == 1
