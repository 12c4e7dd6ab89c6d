"""A running sandbox, and a client that is as simple as a client can be."""

import csv
import io
from functools import cached_property

import pytest
import requests

from sandbox.server import Sandbox, running

CATALOGUE = """query AttributesQuery($botId: String!, $platform: Platform = null,
  $suggestType: VariableSuggestType = template, $allPlatforms: Boolean = false) {
  bot(id: $botId) {
    variableSuggest(suggestType: $suggestType, platform: $platform, allPlatforms: $allPlatforms) { name type }
  }
}"""
EXPORT = """mutation GenerateUsersDocument($botId: String!, $params: ExportParams, $filter: String) {
  generateUsersExportDocument(botId: $botId, params: $params, filter: $filter) { generatedId downloadUrl }
}"""
BROADCASTS = """mutation GenerateBroadcastDocument($botId: String!) {
  generateBroadcastExportDocument(botId: $botId) { generatedId downloadUrl }
}"""
BLOCK = """query BlockQuery($botId: String!, $blockId: ID!) {
  bot(id: $botId) { id block(id: $blockId) {
    id title removed user_filter { operation valid parameters { type name operation values } }
  } }
}"""
SEGMENTS = "query segments($botId: String!) { bot(id: $botId) { segments { id name } } }"
EVERYONE = '{"operation":"or","parameters":[]}'
USER_ID = {"name": "chatfuel user id", "type": "system"}
# Of the bot whose life of three weeks is looked at.
DAYS = 21
OPTIONS = {"users": 300, "attributes": 60}


class Client:
    """Talks to one bot of a sandbox."""

    def __init__(self, sandbox: Sandbox, bot_id: str | None = None):
        self.sandbox = sandbox
        self.bot_id = bot_id or sandbox.bot_id

    @cached_property
    def http(self):
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {self.sandbox.token}"
        return session

    def get(self, path, **arguments):
        return self.http.get(self.sandbox.url + path, timeout=30, **arguments)

    def post(self, path, content):
        return self.http.post(self.sandbox.url + path, json=content, timeout=30)

    def graphql(self, query, **variables):
        body = {"query": query, "variables": {"botId": self.bot_id} | variables}
        response = self.post("/graphql", body)
        assert response.status_code == 200
        return response.json()

    def data(self, query, **variables):
        answer = self.graphql(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def catalogue(self):
        return self.data(CATALOGUE)["bot"]["variableSuggest"]

    def generate(self, fields, audience=EVERYONE, **params):
        variables = {"params": {"fields": fields} | params, "filter": audience}
        return self.data(EXPORT, **variables)["generateUsersExportDocument"]["downloadUrl"]

    def download(self, path):
        response = self.get(path)
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/csv")
        rows = list(csv.reader(io.StringIO(response.content.decode(), newline=""), strict=True))
        assert {len(row) for row in rows} == {len(rows[0])}
        return rows

    def rows(self, fields, audience=EVERYONE, **params):
        header, *rows = self.download(self.generate(fields, audience, **params))
        return [dict(zip(header, row, strict=True)) for row in rows]

    def ids(self, audience):
        return [row["chatfuel user id"] for row in self.rows([USER_ID], audience)]

    def everything(self):
        """What every user has now, in the whole catalogue and `status`: {user id: {name: value}}."""
        fields = [one for one in self.catalogue() if one["name"] != "last seen"]
        rows = self.rows([*fields, {"name": "status", "type": "system"}])
        return {
            row["chatfuel user id"]: {name: value for name, value in row.items() if value} for row in rows
        }

    def entries(self):
        return self.get(f"/api/bots/{self.bot_id}/scheduled_entries").json()["result"]

    def results(self, query="?limit=10&from="):
        return self.get(f"/api/bots/{self.bot_id}/broadcast_stats{query}").json()["result"]

    def broadcasts(self):
        header, *rows = self.download(self.data(BROADCASTS)["generateBroadcastExportDocument"]["downloadUrl"])
        return [dict(zip(header, row, strict=True)) for row in rows]

    def block(self, block_id):
        return self.data(BLOCK, blockId=block_id)["bot"]["block"]


@pytest.fixture(scope="session")
def sandbox():
    """A small bot on day 0; nobody moves its day."""
    with running(users=300, attributes=60) as it:
        yield it


@pytest.fixture(scope="session")
def client(sandbox):
    return Client(sandbox)


@pytest.fixture(scope="session")
def month():
    """A small bot that has lived for 28 days, so that every part of the team's plan has happened."""
    with running(users=300, attributes=60, day=28) as it:
        yield Client(it)


@pytest.fixture(scope="session")
def life():
    """Three weeks: the exports of every day, and what happened before each."""
    with running(**OPTIONS) as sandbox:
        client = Client(sandbox)
        exports, catalogues = [client.everything()], [client.catalogue()]
        for day in range(1, DAYS + 1):
            sandbox.move_to(day)
            exports.append(client.everything())
            catalogues.append(client.catalogue())
        windows = [[]] + [sandbox.events(day - 1, day) for day in range(1, DAYS + 1)]
        yield exports, catalogues, windows


def flat(windows):
    return [event for window in windows for event in window]
