"""Faults on demand: how they are asked for, and that those of the connection are real."""

import socket
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from sandbox.faults import FAULTS
from tests.sandbox.conftest import SEGMENTS, USER_ID

ADDRESS = "/_sandbox/faults"


@pytest.fixture
def fault(client):
    """Return a function that asks for a fault and returns the answer; at the end all are called off."""
    yield lambda name, **details: client.post(ADDRESS, {"fault": name} | details)
    client.http.delete(client.sandbox.url + ADDRESS, timeout=30)


def segments(client):
    return client.post("/graphql?opName=segments", {"query": SEGMENTS, "variables": {"botId": client.bot_id}})


def pending(client):
    return client.get(ADDRESS).json()["pending"]


@contextmanager
def asked(client, path, silence=10):
    """Ask for a path over a connection of its own; ``silence`` in seconds raises TimeoutError."""
    url = urlsplit(client.sandbox.url)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {client.sandbox.token}\r\n\r\n"
    )
    with closing(socket.create_connection((url.hostname, url.port), timeout=silence)) as connection:
        connection.sendall(request.encode())
        yield connection


def pieces(connection):
    """Yield what comes until the server closes the connection."""
    return iter(lambda: connection.recv(1 << 16), b"")


def test_every_fault_is_described(client):
    known = client.get(ADDRESS).json()["known"]
    assert known.keys() == FAULTS.keys()
    assert all(description.endswith(".") for description in known.values())


def test_a_fault_that_nobody_knows_is_refused_and_those_that_are_known_are_named(client, fault):
    answer = fault("earthquake")
    assert answer.status_code == 400
    assert "no fault 'earthquake'; there are 401, 429" in answer.json()["error"]
    assert pending(client) == []


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({"times": 0}, "times must be"),
        ({"times": True}, "times must be"),
        ({"after": -1}, "after must be"),
        ({"seconds": -1}, "seconds must be"),
        ({"seconds": "1"}, "seconds must be"),
        ({"on": 1}, "on must be"),
        ({"until": 1}, "no 'until'"),
        ({"befell": 1}, "no 'befell'"),
    ],
    ids=str,
)
def test_what_makes_no_sense_of_a_fault_is_refused(client, fault, details, message):
    answer = fault("401", **details)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert pending(client) == []


@pytest.mark.parametrize("body", [b"", b"[]", b'"401"', b'{"fault": 401}'])
def test_a_body_that_is_no_fault_is_refused(client, body):
    answer = client.http.post(client.sandbox.url + ADDRESS, data=body, timeout=30)
    assert answer.status_code == 400
    assert "body" in answer.json()["error"]


def test_a_fault_befalls_as_many_requests_as_it_was_asked_for(client, fault):
    fault("503", times=2)
    assert [segments(client).status_code for _ in range(3)] == [503, 503, 200]


def test_a_fault_lets_as_many_requests_pass_before_as_it_was_asked_for(client, fault):
    fault("503", after=2)
    assert [segments(client).status_code for _ in range(4)] == [200, 200, 503, 200]


def test_a_fault_without_a_number_of_times_stays(client, fault):
    fault("503", times=None)
    assert {segments(client).status_code for _ in range(4)} == {503}
    assert pending(client)[0]["befell"] == 4


@pytest.mark.parametrize("on", ["segments", "graphql"])
def test_a_fault_befalls_only_what_it_is_put_on(client, fault, on):
    fault("503", on=on)
    assert client.entries()
    assert segments(client).status_code == 503


def test_an_operation_is_known_by_the_body_too(client, fault):
    fault("503", on="segments")
    body = {"operationName": "segments", "query": SEGMENTS, "variables": {"botId": client.bot_id}}
    assert client.post("/graphql", body).status_code == 503


def test_a_fault_of_exports_leaves_other_requests_alone(client, fault):
    fault("short-row", times=None)
    assert segments(client).json()["data"]
    assert client.entries()
    assert pending(client)[0]["befell"] == 0


def test_a_request_meets_one_fault_the_first_that_was_asked_for(client, fault):
    fault("503")
    fault("429")
    assert [segments(client).status_code for _ in range(3)] == [503, 429, 200]


def test_faults_are_listed_while_they_are_to_come(client, fault):
    asked = {"on": "segments", "times": 1, "after": 0, "seconds": 1.0}
    assert fault("503", on="segments").json()["pending"] == [{"fault": "503", "befell": 0} | asked]
    segments(client)
    assert pending(client) == []


def test_faults_can_be_called_off(client, fault):
    fault("503", times=None)
    assert client.http.delete(client.sandbox.url + ADDRESS, timeout=30).json()["pending"] == []
    assert segments(client).status_code == 200


def test_no_fault_befalls_the_sandbox_itself(client, fault):
    fault("503", times=None)
    assert client.get("/_sandbox/health").status_code == 200


def test_a_download_that_breaks_off_ends_without_the_last_chunk(client, fault):
    path = client.generate([USER_ID])
    whole = client.get(path).content
    fault("broken-off", on="export")
    with asked(client, path) as connection:
        head, chunks = b"".join(pieces(connection)).split(b"\r\n\r\n", 1)
    assert b"Transfer-Encoding: chunked" in head
    size, chunk = chunks.split(b"\r\n", 1)
    assert chunk == whole[: int(size, 16)] + b"\r\n"
    assert 0 < int(size, 16) < len(whole)


def test_a_wrong_length_is_more_than_what_comes(client, fault):
    path = client.generate([USER_ID])
    whole = client.get(path).content
    fault("wrong-length", on="export")
    with asked(client, path) as connection:
        head, body = b"".join(pieces(connection)).split(b"\r\n\r\n", 1)
    assert f"Content-Length: {len(whole)}".encode() in head
    assert 0 < len(body) < len(whole)
    assert whole.startswith(body)


@pytest.mark.parametrize("name", ["broken-off", "wrong-length"])
def test_what_is_cut_is_cut_after_a_line(client, fault, name):
    path = client.generate([USER_ID])
    fault(name, on="export")
    with asked(client, path) as connection:
        arrived = b"".join(pieces(connection))
    assert arrived.removesuffix(b"\r\n").endswith(b"\n")


@pytest.mark.parametrize(("name", "has_begun"), [("stalled", False), ("stalled-midway", True)])
def test_a_stalled_connection_is_open_and_silent_until_faults_are_called_off(client, fault, name, has_begun):
    path = client.generate([USER_ID])
    fault(name, on="export")
    arrived = []
    with asked(client, path, 0.5) as connection:
        with pytest.raises(TimeoutError):
            arrived.extend(pieces(connection))
        assert bool(arrived) == has_begun
        client.http.delete(client.sandbox.url + ADDRESS, timeout=30)
        connection.settimeout(10)
        assert b"".join(pieces(connection)) == b""
