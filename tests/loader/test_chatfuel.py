"""The client against the sandbox, and against a sandbox that misbehaves."""

import gzip
import io
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loader.answers import Attribute
from loader.chatfuel import Chatfuel
from loader.errors import AuthenticationError, ConfigurationError, ContractError, SourceUnavailableError
from loader.logs import scrub
from loader.panel import Panel
from sandbox.server import Response, json_response
from tests.loader.conftest import NOW_AND_QUICKLY

USER_ID = [Attribute("chatfuel user id", "system")]


class Buffer:
    """A sink that keeps what every attempt wrote."""

    def __init__(self) -> None:
        self.attempts = []

    @contextmanager
    def __call__(self):
        file = io.BytesIO()
        yield file
        self.attempts.append(file.getvalue())


@pytest.fixture
def client(sandbox):
    chatfuel = Chatfuel(sandbox.url, sandbox.token, NOW_AND_QUICKLY)
    yield chatfuel
    chatfuel.close()


def is_download(request) -> bool:
    return request.path[0] == "export"


def is_graphql(request) -> bool:
    return request.path[0] == "graphql"


def first_times(count, chosen, change):
    """Return a tamper that changes the first answers to the chosen requests."""
    left = [count]

    def tampered(request, response):
        if chosen(request) and left[0]:
            left[0] -= 1
            return change(response)
        return response

    return tampered


def test_every_operation_carries_its_name_and_the_token(client, tamper, sandbox):
    requests = tamper(lambda request, response: response)
    client.attributes("botA")
    client.segments("botA")
    client.block("botA", "none")
    client.download_users("botA", USER_ID, Buffer())
    client.download_broadcasts("botA", Buffer())
    names = [request.query["opName"] for request in requests if is_graphql(request)]
    assert names == [
        "AttributesQuery", "segments", "BlockQuery", "GenerateUsersDocument", "GenerateBroadcastDocument",
    ]  # fmt: skip
    assert [json.loads(r.body)["operationName"] for r in requests if is_graphql(r)] == names
    assert {request.authorization for request in requests} == {f"Bearer {sandbox.token}"}


def test_the_token_is_not_replaced_by_one_of_a_netrc_file(client, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("default login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert client.attributes("botA").content


@pytest.mark.parametrize(
    "page",
    [Response(200, b"\n <html>log in</html>", "text/csv"), Response(200, b"Please log in", "text/html")],
    ids=["type", "body"],
)
def test_a_login_page_may_show_by_its_body_or_its_type_only(client, tamper, page):
    tamper(lambda request, response: page if is_download(request) else response)
    with pytest.raises(AuthenticationError, match="token has expired"):
        client.download_users("botA", USER_ID, Buffer())


def test_an_unknown_bot_is_a_matter_of_configuration(client):
    with pytest.raises(ConfigurationError, match="CHATFUEL_BOT_ID"):
        client.attributes("nobody")


@pytest.mark.parametrize(
    "answer",
    [
        json_response(200, {"data": {"bot": None}}),
        json_response(200, {"data": {"bot": {"segments": None}}}),
        json_response(200, {"data": {"bot": {"segments": [{"id": "1"}]}}}),
        json_response(200, {"data": {"bot": {"segments": ["x"]}}}),
        json_response(200, []),
        json_response(400, {"errors": [{"message": "bad"}]}),
        json_response(404, {}),
        Response(200, b'{"data": '),
        Response(200, b""),
    ],
    ids=["no bot", "no list", "no name", "no object", "no data", "400", "404", "cut JSON", "nothing"],
)
def test_an_answer_of_another_shape_is_final(client, tamper, answer):
    requests = tamper(lambda request, response: answer)
    with pytest.raises(ContractError, match="segments"):
        client.segments("botA")
    assert len(requests) == 1


@pytest.mark.parametrize(
    "errors",
    [
        "gone",
        ["gone"],
        [None, "gone"],
        {"message": "gone"},
        [{"message": "gone", "extensions": {"code": []}}],
    ],
)
def test_an_error_of_any_shape_is_told(errors):
    panel = Panel("http://host", "token", NOW_AND_QUICKLY)
    for client in (panel, Chatfuel("http://host", "token", NOW_AND_QUICKLY)):
        error = client._error("segments", errors)
        assert isinstance(error, ContractError)
        assert re.search(r"segments with an error: .*gone", error.message)


def test_a_server_without_https_is_told(sandbox):
    client = Chatfuel(sandbox.url.replace("http:", "https:"), sandbox.token, NOW_AND_QUICKLY)
    with pytest.raises(SourceUnavailableError, match="does not speak HTTPS"):
        client.segments("botA")


@pytest.mark.parametrize("retry_after", ["0", "soon", "Mon, 03 Jun 2024 07:30:00 GMT"])
def test_a_retry_after_that_is_over_or_unreadable_does_not_delay(client, tamper, retry_after):
    tamper(first_times(1, is_graphql, lambda _: Response(429, b"", headers={"Retry-After": retry_after})))
    assert client.segments("botA").content


def test_a_host_that_nobody_answers_at_is_given_up_soon():
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(SourceUnavailableError, match="CHATFUEL_BASE_URL"):
        Chatfuel(url, "sandbox-token", NOW_AND_QUICKLY).segments("botA")


@contextmanager
def elsewhere():
    """Run a server at another port, which counts as another host, that keeps the headers it got."""
    headers = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            headers.append(dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"a,b")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/file.csv", headers
        server.shutdown()


def test_a_redirect_to_another_host_is_followed_without_the_token(client, tamper):
    with elsewhere() as (url, headers):
        tamper(
            lambda request, response: (
                Response(302, b"", headers={"Location": url}) if is_download(request) else response
            )
        )
        sink = Buffer()
        client.download_users("botA", USER_ID, sink)
    assert sink.attempts == [b"a,b"]
    assert len(headers) == 1
    assert "Authorization" not in headers[0]


def test_a_download_address_at_another_host_is_not_followed(client, tamper):
    with elsewhere() as (url, headers):
        document = {"generatedId": "1", "downloadUrl": url}
        tamper(
            lambda request, response: json_response(200, {"data": {"generateUsersExportDocument": document}})
        )
        with pytest.raises(ContractError, match="another host"):
            client.download_users("botA", USER_ID, Buffer())
    assert headers == []


def test_the_address_of_a_download_is_a_secret(client, tamper):
    requests = tamper(lambda request, response: response)
    client.download_users("botA", USER_ID, Buffer())
    (path,) = ["/" + "/".join(request.path) for request in requests if is_download(request)]
    assert scrub(f"GET {path} failed") == "GET *** failed"


def test_a_compressed_answer_is_read_as_what_it_holds(client, tamper):
    def compress(request, response):
        if not is_download(request):
            return response
        body = gzip.compress(b"".join(response.body))
        return replace(response, body=body, headers={"Content-Encoding": "gzip"})

    tamper(compress)
    sink = Buffer()
    client.download_users("botA", USER_ID, sink)
    assert sink.attempts[0].startswith(b"last seen,page id")


def test_an_answer_that_cannot_be_unpacked_is_told(client, tamper):
    tamper(lambda request, response: replace(response, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(SourceUnavailableError, match="its answer cannot be unpacked"):
        client.segments("botA")
