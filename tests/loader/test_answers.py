"""JSON of another shape, and answers that never end: told in a sentence, with path and kind."""

import gzip
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from loader.answers import SHAPES, parse, pick
from loader.chatfuel import Chatfuel
from loader.errors import AuthenticationError, ConfigurationError, ContractError, SourceUnavailableError
from loader.logs import hide
from sandbox.server import Response, json_response
from tests.loader.conftest import NOW_AND_QUICKLY
from tests.loader.test_chatfuel import USER_ID, Buffer, client, first_times, is_download, is_graphql  # noqa: F401


@pytest.mark.parametrize(
    ("table", "rows", "problem"),
    [
        ("scheduled_entries", [{"id": "a"}, {"id": {}}], "result[1].id: text expected"),
        ("scheduled_entries", [{"id": "a", "broadcast_start_timestamp": "soon"}], "result[0].broadcast_start_timestamp: number expected"),
        ("scheduled_entries", [{}], "result[0].id: missing"),
        ("scheduled_entries", {"a": 1}, "result: list expected"),
        ("scheduled_entries", ["a"], "result[0]: object expected"),
        ("broadcast_stats", [{"block_title": ["a"]}], "result[0].block_title: text expected"),
        ("broadcast_stats", [{"total_users": [1]}], "result[0].total_users: number expected"),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_told_with_its_path(table, rows, problem):
    with pytest.raises(ContractError) as caught:
        pick({"result": rows}, SHAPES[table], "x")
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("table", "bot", "problem"),
    [
        ("attributes", {"variableSuggest": [{"name": {}, "type": "custom"}]}, "data.bot.variableSuggest[0].name: text expected"),
        ("attributes", {"variableSuggest": None}, "data.bot.variableSuggest: list expected"),
        ("block_filters", {"block": []}, "data.bot.block: object expected"),
        ("block_filters", {"block": {"user_filter": [1]}}, "data.bot.block.user_filter: object expected"),
        ("segments", None, "data.bot.segments: missing"),
    ],
)  # fmt: skip
def test_so_is_what_graphql_answers(table, bot, problem):
    with pytest.raises(ContractError) as caught:
        pick({"data": {"bot": bot}}, SHAPES[table], "x")
    assert problem in caught.value.message


def test_half_a_character_is_told_in_a_key_and_taken_in_a_value():
    (entry,) = pick({"result": [{"id": "\ud800"}]}, SHAPES["scheduled_entries"], "x")[1]
    assert entry.id == "\ud800"
    with pytest.raises(ContractError, match="to x: result"):
        pick({"result": [{"id": "a", "\ud800": 1}]}, SHAPES["scheduled_entries"], "x")


def test_a_timestamp_in_quotes_is_taken():
    _, (entry,) = pick(
        {"result": [{"id": "a", "broadcast_start_timestamp": "1718359800"}]}, SHAPES["scheduled_entries"], "x"
    )
    assert entry.broadcast_start_timestamp == 1718359800


@pytest.mark.parametrize(
    "body",
    [b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 200_000, b"[NaN]", b"[-Infinity]", b"[1e999]", b"[" + b"9" * 5000 + b"]", b"[" + b"9" * 400 + b"]", b"\xff\xfe", b""],
    ids=["deep", "deep objects", "NaN", "Infinity", "too large", "too long", "too many digits", "not UTF-8", "nothing"],
)  # fmt: skip
def test_what_no_warehouse_could_read_is_no_json(body):
    with pytest.raises(ContractError, match="not JSON"):
        parse(body, "x")


def test_an_answer_that_unpacks_to_more_than_the_limit_is_refused(client, tamper):  # noqa: F811
    client._patience = replace(NOW_AND_QUICKLY, most_json=10 << 20, most_export=10 << 20)
    bomb = Response(200, gzip.compress(b" " * (50 << 20)), headers={"Content-Encoding": "gzip"})
    requests = tamper(lambda request, response: bomb)
    with pytest.raises(ContractError, match=r"more than 10 MB.*CHATFUEL_MAX_JSON_MB"):
        client.scheduled_entries("botA")
    assert len(requests) == 1


def test_large_but_honest_json_is_read(client, tamper):  # noqa: F811
    rows = [{"id": str(number), "more": "x" * 1000} for number in range(40_000)]
    tamper(lambda request, response: json_response(200, {"result": rows}))
    assert len(client.scheduled_entries("botA").content) == 40_000


@pytest.mark.parametrize("retry_after", ["Wed, 21 Oct 2015 07:28:00", "-1", "1e3", "nonsense"])
def test_a_retry_after_without_zone_or_sense_is_ignored(client, tamper, retry_after):  # noqa: F811
    tamper(first_times(1, is_graphql, lambda _: Response(503, b"", headers={"Retry-After": retry_after})))
    assert client.segments("botA").content


def test_a_redirect_to_no_address_is_told(client, tamper):  # noqa: F811
    tamper(lambda request, response: Response(302, b"", headers={"Location": "http://[::1"}))
    with pytest.raises(ContractError, match="address that is none"):
        client.segments("botA")


def test_a_download_address_that_is_none_is_told(client, tamper):  # noqa: F811
    document = {"generatedId": "1", "downloadUrl": "http://[::1"}
    tamper(lambda request, response: json_response(200, {"data": {"generateUsersExportDocument": document}}))
    with pytest.raises(ContractError, match="address of the download is none"):
        client.download_users("botA", USER_ID, Buffer())


def test_a_request_that_timed_out_at_the_server_is_asked_again(client, tamper):  # noqa: F811
    tamper(first_times(1, is_graphql, lambda _: Response(408, b"")))
    assert client.segments("botA").content


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "NOT_FOUND", "OTHER"])
def test_the_message_of_a_graphql_error_with_status_400_is_shown(client, tamper, code):  # noqa: F811
    error = {"message": "Variable $botId", "extensions": {"code": code}}
    tamper(lambda request, response: json_response(400, {"errors": [error]}))
    kind = {"UNAUTHENTICATED": AuthenticationError, "NOT_FOUND": ConfigurationError, "OTHER": ContractError}[
        code
    ]
    with pytest.raises(kind, match=r"Variable \$botId"):
        client.segments("botA")


def test_a_csv_sent_as_html_is_read(client, tamper):  # noqa: F811
    tamper(
        lambda request, response: (
            replace(response, content_type="text/html") if is_download(request) else response
        )
    )
    sink = Buffer()
    client.download_users("botA", USER_ID, sink)
    assert sink.attempts[0].startswith(b"last seen,page id")


def test_foreign_text_commands_no_terminal_and_is_scrubbed_before_it_is_cut(client, tamper, sandbox):  # noqa: F811
    message = "\x1b[2J\x9b1m" + "x" * 190 + sandbox.token + "tail"
    tamper(lambda request, response: json_response(200, {"errors": [{"message": message}]}))
    hide(sandbox.token)
    with pytest.raises(ContractError) as caught:
        client.segments("botA")
    assert not {"\x1b", "\x9b"} & {*caught.value.message}
    assert sandbox.token[:6] not in caught.value.message


@contextmanager
def trickling(head: bytes, piece: bytes):
    """Run a server that sends the head of an answer, then a piece every 20 ms, for ever."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with server.accept()[0] as connection:
                connection.recv(65536)
                try:
                    connection.sendall(head)
                    while not over.wait(0.02):
                        connection.sendall(piece)
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nContent-Type: text/csv\r\n\r\n", b"a"),
        (b"", b"H"),
    ],
    ids=["body", "header", "one chunk", "chunks", "length", "status"],
)
def test_the_deadline_holds_whatever_trickles(head, piece):
    began = time.monotonic()
    with trickling(head, piece) as url:
        chatfuel = Chatfuel(url, "a-token-of-mine", replace(NOW_AND_QUICKLY, deadline=0.5))
        with pytest.raises(SourceUnavailableError, match="did not end within"):
            chatfuel.scheduled_entries("botA")
        chatfuel.close()
    # A server that is heard for ever would be heard until pytest ends the test.
    assert time.monotonic() - began < 60


def test_a_list_of_payloads_stays_as_it_came():
    row = {"id": "a", "more": {"b": [1, None]}}
    ((payload,), _) = pick(json.loads(json.dumps({"result": [row]})), SHAPES["scheduled_entries"], "x")
    assert payload == row
