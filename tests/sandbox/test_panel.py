"""The simulated panel behaves as its contract says."""

import csv
import io
import json
import time

import pytest

from sandbox.options import Options
from sandbox.panel import CHANNELS, channel, present, values
from sandbox.server import Application, Request

ATTRIBUTES = """query($botID: BotID!, $after: BotAttributeCursor, $first: Int) { bot(id: $botID) { botAttributes(locale: En,
  platforms: [whatsapp], attributeTypes: [system, custom], filters: [],
  orderBy: {orderBy: ContactsCount, direction: Desc}, first: $first, after: $after) {
  edges { node { botAttribute { name type dataType } usersCount defaultValue } } pageInfo { hasNextPage endCursor } } } }"""
START = """mutation($botID: BotID!, $platforms: [Platform!]!, $attributes: [AttributeName!]!) {
  csvContactExportStartBySegment(botID: $botID, platforms: $platforms, segment: null, attributes: $attributes) { id } }"""
TASK = """query($id: TaskID!) { getTask(id: $id) { statuses { type startedAt } completedPoints totalPoints deadline
  data { __typename ... on CSVContactsExport { file { url status } } } } }"""
COUNTS = "query($botID: BotID!) { bot(id: $botID) { contactsCount(platforms: [whatsapp]) contactsTotalCount(platforms: [whatsapp]) } }"


@pytest.fixture(scope="module")
def application():
    return Application(Options(users=150, attributes=60, bot_id="bot", document_seconds=60))


@pytest.fixture
def panel(application, monkeypatch):
    for name, value in {"tasks": {}, "hidden": {}, "defaults": {}, "seconds": 0}.items():
        monkeypatch.setattr(application.panel, name, value)
    return application.panel


@pytest.fixture
def bot(application):
    return application.world.bots["bot"]


@pytest.fixture
def ask(application, panel):
    """Return a function that asks an operation and returns its answer."""

    def asked(query, token="sandbox-token", **variables):
        body = json.dumps({"query": query, "variables": {"botID": "bot"} | variables}).encode()
        request = Request("POST", ("panel", "graphql"), {}, f"Bearer {token}", body)
        return json.loads(application.respond(request).body)

    return asked


@pytest.fixture
def download(application):
    """Return a function that downloads a file, without a token."""

    def downloaded(url):
        path = tuple(url.strip("/").split("/"))
        return application.respond(Request("GET", path, {}, "", b""))

    return downloaded


def code(answer):
    return answer["errors"][0]["extensions"]["code"]


def export(ask, **variables):
    started = ask(START, **({"platforms": ["whatsapp"], "attributes": []} | variables))
    return ask(TASK, id=started["data"]["csvContactExportStartBySegment"]["id"])["data"]["getTask"]


def test_an_export_has_everybody_of_the_channel_and_every_attribute(ask, download, bot):
    task = export(ask)
    header, *rows = csv.reader(io.StringIO(download(task["data"]["file"]["url"]).body.decode(), newline=""))
    users = [user for user in present(bot) if channel(bot, user) == "whatsapp"]
    assert users
    assert [row[0] for row in rows] == [bot.users.ids[user] for user in users]
    for user, row in zip(users, rows, strict=True):
        assert {name: value for name, value in zip(header[1:], row[1:], strict=True) if value} == values(
            bot, user
        )


def test_users_are_spread_over_five_channels(bot):
    assert {channel(bot, user) for user in present(bot)} == {*CHANNELS}


def test_the_catalogue_comes_in_pages_and_has_what_somebody_has(ask, bot):
    names, after = [], None
    while True:
        connection = ask(ATTRIBUTES, after=after, first=25)["data"]["bot"]["botAttributes"]
        names += [edge["node"]["botAttribute"]["name"] for edge in connection["edges"]]
        if not connection["pageInfo"]["hasNextPage"]:
            break
        after = connection["pageInfo"]["endCursor"]
    assert len(names) > 25
    assert sorted(names) == sorted({name for user in present(bot) for name in values(bot, user)})
    assert not {"status", "sessions", "signed up", "last seen"} & {*names}


def test_a_page_that_is_too_large_fails(ask):
    assert code(ask(ATTRIBUTES, first=1000)) == "InternalServerError"


def test_the_statuses_are_a_log_with_the_latest_first(ask):
    statuses = export(ask)["statuses"]
    assert [status["type"] for status in sorted(statuses, key=lambda one: one["startedAt"])] == [
        "Created",
        "InProgress",
        "Finished",
    ]
    assert statuses[0]["type"] == "Finished"


def test_while_an_export_is_under_way_another_is_refused(ask, panel, monkeypatch):
    monkeypatch.setattr(panel, "seconds", 60)
    assert export(ask)["data"]["file"] is None
    assert code(ask(START, platforms=["whatsapp"], attributes=[])) == "CSVContactExportAlreadyInProgress"


def test_an_unknown_attribute_refuses_the_export(ask):
    assert code(ask(START, platforms=["whatsapp"], attributes=["no such"])) == "SegmentIsInvalid"


def test_a_link_expires(ask, download, panel, monkeypatch):
    url = export(ask)["data"]["file"]["url"]
    assert download(url).status == 200
    now = time.time()
    monkeypatch.setattr("sandbox.panel.time.time", lambda: now + 100)
    assert download(url).status == 404


def test_a_role_may_hide_contacts_from_one_count(ask, panel):
    panel.hidden = {"bot": 2}
    bot = ask(COUNTS)["data"]["bot"]
    assert bot["contactsTotalCount"] - bot["contactsCount"] == 2


def test_a_default_is_what_contacts_without_a_value_read_as(ask, download, panel):
    panel.defaults = {"bot": {"Favorite color": "mauve"}}
    text = download(export(ask)["data"]["file"]["url"]).body.decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert "mauve" in {row["Favorite color"] for row in rows}
    assert "" not in {row["Favorite color"] for row in rows}


def test_a_wrong_token_and_a_bot_that_is_not_there(ask):
    assert code(ask(COUNTS, token="other")) == "Unauthorized"
    assert code(ask(COUNTS, botID="nobody")) == "BotDoesNotExist"


FLOWS = """query($botID: BotID!) { bot(id: $botID) { flowsWithoutGroup { ...F } flowGroups { flows { ...F } } } }
  fragment F on Flow { blocks { id blockElements { id
    ... on WhatsAppOneTimeNotificationBlockElement { status sentToContactsCount }
    ... on WhatsAppScheduledMessageBlockElement { status firstSendTime } } } }"""
COUNT = """query($botID: BotID!, $segment: SegmentInput!) { bot(id: $botID) {
  contactsCount(platforms: [whatsapp, facebook, instagram, tiktok, widget], segment: $segment) } }"""


def test_a_broadcast_is_a_flow_that_is_live_until_it_was_sent(ask, bot):
    served = ask(FLOWS)["data"]["bot"]
    (group,) = served["flowGroups"]
    begun = {
        flow["blocks"][0]["id"]: flow["blocks"][0]["blockElements"][0]
        for flow in served["flowsWithoutGroup"] + group["flows"]
    }
    assert begun.keys() == {one.id for one in bot.broadcasts}
    for one in bot.broadcasts:
        waits = "Live" if one.scheduled and one.enabled else "Draft"
        assert begun[one.id]["status"] == ("Finished" if one.enabled and one.sent(bot.now) else waits)
        assert ("firstSendTime" in begun[one.id]) == one.scheduled
    assert {element["status"] for element in begun.values()} >= {"Finished", "Live"}


@pytest.mark.parametrize("operator", ["AND", "OR"])
def test_a_segment_chooses_as_its_conditions_say(ask, bot, operator):
    names = ["gender", "AB_Split"]
    some = next(user for user in present(bot) if all(name in values(bot, user) for name in names))
    wanted = {name: values(bot, some)[name] for name in names}
    parts = [
        {
            "id": name,
            "byAttribute": {"name": name, "defaultStrategy": {"operator": "IS", "comparableValues": [value]}},
        }
        for name, value in wanted.items()
    ]
    segment = {"id": "s", "resultOperator": operator, "filters": parts}
    nested = {"id": "o", "resultOperator": "AND", "filters": [{"id": "n", "byInFlightSegment": segment}]}
    decide = {"AND": all, "OR": any}[operator]
    chosen = [
        user
        for user in present(bot)
        if decide(values(bot, user).get(name) == value for name, value in wanted.items())
    ]
    assert some in chosen
    assert len(chosen) < len(present(bot))
    for asked in (segment, nested):
        assert ask(COUNT, segment=asked)["data"]["bot"]["contactsCount"] == len(chosen)
