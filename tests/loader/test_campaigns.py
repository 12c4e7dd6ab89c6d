"""WhatsApp campaigns of the panel are broadcasts: when they count as sent, whom they were meant for, whom they reached."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from loader.campaigns import Flows, campaigns_of, to_ask
from tests.loader.test_panel import on_panel, panel  # noqa: F401

NOW = datetime(2024, 6, 3, 7, 30, tzinfo=UTC)
NOW_KIND, SCHEDULED_KIND = "WhatsAppOneTimeNotificationBlock", "WhatsAppScheduledMessageBlock"


def by_attribute(name, operator, *values):
    strategy = {"operator": operator, "comparableValues": list(values)}
    return {"byAttribute": {"attribute": {"name": name}, "defaultStrategy": strategy}}


def joined(operator, *filters):
    return {"resultOperator": operator, "filters": list(filters)}


def inner(operator, *filters):
    return {"byInFlightSegment": joined(operator, *filters)}


def flow(kind=NOW_KIND, segment=None, status="Finished", body=(), **element):
    """A flow of the panel that begins with a sending."""
    entry = {"id": "e", "status": status, "segment": segment or joined("AND"), **element}
    texts = [{"id": "m", "whatsAppTemplate": {"body": {"text": list(body)}}}]
    return {
        "id": "f",
        "name": "spring",
        "createdAt": "2024-06-01T10:00:00Z",
        "blocks": [
            {"id": "other", "__typename": "WhatsAppTemplateBlock", "blockElements": [{"id": "x", "whatsAppTemplate": {}}]},
            {"id": "text", "__typename": "WhatsAppTemplateBlock", "blockElements": texts},
            {"id": "b", "__typename": kind, "blockElements": [entry]},
        ],
        "connections": [{"sourceBlockElementID": "e", "targetBlockID": "text"}],
    }  # fmt: skip


def campaign(**about):
    served = {"flowGroups": [{"flows": [flow(**about)]}], "flowsWithoutGroup": [flow(**about)]}
    (found,) = campaigns_of(msgspec.convert(served, Flows), "flows")
    return found


def words(segment):
    """The audience as the models read it aloud; None if they say `unknown`."""
    told = campaign(segment=segment).block()["user_filter"]
    parts = [
        f"{p['before']}{p['name']} {p['operation']} {'|'.join(p['values'])}{p['after']}"
        for p in told["parameters"]
    ]
    return "".join(parts) if told["valid"] else None


@pytest.mark.parametrize(
    ("about", "is_sent", "is_settled"),
    [
        ({"status": "Finished"}, True, True),
        ({"status": "Live"}, True, True),
        ({"status": "Draft"}, False, False),
        ({"status": "Paused"}, False, False),
        ({"kind": SCHEDULED_KIND, "status": "Live", "firstSendTime": "2024-06-03T07:30:01Z"}, False, False),
        ({"kind": SCHEDULED_KIND, "status": "Live", "firstSendTime": "2024-06-03T07:30:00Z"}, True, False),
        ({"kind": SCHEDULED_KIND, "status": "Live", "firstSendTime": "2024-06-03T06:30:00Z"}, True, True),
        ({"kind": SCHEDULED_KIND, "status": "Draft", "firstSendTime": "2024-06-01T06:30:00Z"}, False, False),
        ({"kind": SCHEDULED_KIND, "status": "Live"}, False, False),
    ],
)
def test_a_campaign_counts_as_sent_when_its_time_has_come_and_nobody_stopped_it(about, is_sent, is_settled):
    found = campaign(**about)
    assert (found.is_sent(NOW), found.is_settled(NOW)) == (is_sent, is_settled)
    assert found.entry(NOW)["planned"] is not is_sent


def test_a_campaign_is_an_entry_of_the_old_surface():
    body = [{"text": "Hi "}, {"name": "1", "value": {"parts": [{"attribute": {"name": "first name"}}, {"text": "!"}]}}, {"name": "2"}]  # fmt: skip
    assert campaign(body=body, sentToContactsCount=3).entry(NOW) == {
        "id": "b",
        "block_id": "b",
        "block_title": "spring",
        "enabled": True,
        "planned": False,
        "broadcast_start_timestamp": None,
        "campaign": {
            "type": "send_now",
            "status": "Finished",
            "created_at": 1717236000,
            "recipients": 3,
            "message": "Hi {{first name}}!{{2}}",
        },
    }


@pytest.mark.parametrize(
    ("repeat", "told"), [(None, "no_repeat"), ("Never", "no_repeat"), ("EveryDay", "EveryDay")]
)
def test_a_scheduled_campaign_says_how_it_repeats(repeat, told):
    assert campaign(kind=SCHEDULED_KIND, repeatType=repeat).type == told


A, B, C = (by_attribute(name, "IS", name) for name in "abc")


@pytest.mark.parametrize(
    ("segment", "told"),
    [
        (joined("AND"), ""),
        (joined("AND", A, B), "a is a and b is b"),
        (joined("OR", by_attribute("a", "IS", "1", "2"), B), "a is 1|2 or b is b"),
        (joined("AND", A, inner("OR", B, C)), "a is a and (b is b or c is c)"),
        (joined("OR", inner("AND", A, B), C), "(a is a and b is b) or c is c"),
        (joined("AND", inner("OR", B, C)), "b is b or c is c"),
        (joined("AND", A, inner("OR", B, inner("AND", A, C))), "a is a and (b is b or (a is a and c is c))"),
        (joined("AND", {"byTag": {"operator": "IS", "tagNames": ["t"]}}), "tag is t"),
        (joined("AND", {"byStoredSegment": {"operator": "IS", "segmentIDs": ["s"]}}), "segment is s"),
        (
            joined(
                "AND",
                {
                    "byAttribute": {
                        "attribute": {"name": "joined"},
                        "dateStrategy": {"operator": "BEFORE", "comparableDate": "2024"},
                    }
                },
            ),
            "joined before 2024",
        ),
        (joined("AND", A, {}), None),
        (joined("AND", A, inner("OR")), None),
    ],
)
def test_an_audience_is_read_aloud_with_its_brackets_or_is_unknown(segment, told):
    assert words(segment) == told


def asked(recorded=(), **about):
    return [one.id for one, _ in to_ask([campaign(**about)], NOW, recorded)]


def test_recipients_are_asked_for_by_the_first_pull_that_saw_it_sent():
    assert asked() == ["b"]
    assert asked(recorded={"b"}) == []
    assert asked(status="Draft") == []


def test_recipients_of_what_was_sent_before_the_first_pull_or_a_week_ago_are_not_asked_for():
    assert asked(recorded=None) == []
    for sent, found in (("2024-05-27T07:30:00Z", ["b"]), ("2024-05-27T07:29:59Z", [])):
        assert asked(kind=SCHEDULED_KIND, firstSendTime=sent) == found


def test_an_audience_is_asked_for_as_it_was_told_and_not_if_a_part_of_it_cannot_be():
    segment = joined("AND", A, inner("OR", B, C))
    ((_, found),) = to_ask([campaign(segment=segment)], NOW, set())
    ids = [found.pop("id"), *(part.pop("id") for part in found["filters"])]
    nested = found["filters"][1]["byInFlightSegment"]
    ids += [nested.pop("id"), *(part.pop("id") for part in nested["filters"])]
    assert len({*ids}) == 6
    told = [
        {"byAttribute": {"name": name, "defaultStrategy": {"operator": "IS", "comparableValues": [name]}}}
        for name in "abc"
    ]
    assert found == {
        "resultOperator": "AND",
        "filters": [told[0], {"byInFlightSegment": {"resultOperator": "OR", "filters": told[1:]}}],
    }
    assert asked(segment=joined("AND", A, {"byTag": {"operator": "IS", "tagNames": ["t"]}})) == []


@pytest.fixture
def on_whatsapp(on_panel, monkeypatch):  # noqa: F811
    """Return a function that pulls the panel's WhatsApp, a day before and at the sandbox's day."""
    monkeypatch.setenv("CHATFUEL_PANEL_CHANNELS", "whatsapp")
    assert on_panel("--as-of", "2024-06-01T07:30:00Z").exit_code == 0
    return on_panel


def test_the_recipients_of_a_campaign_are_those_of_its_audience_on_whatsapp(on_whatsapp, query, sandbox):
    assert on_whatsapp().exit_code == 0
    entries = {
        broadcast_id: json.loads(payload)
        for broadcast_id, payload in query(
            "select broadcast_id, payload from scheduled_entries where pull_id = '20240603T073000Z'"
        )
    }
    assert {entry["campaign"]["type"] for entry in entries.values()} == {"send_now", "no_repeat"}
    assert {entry["planned"] for entry in entries.values()} == {True, False}
    recipients = query("select pull_id, broadcast_id, chatfuel_user_id from broadcast_recipients")
    ((pull_id, broadcast_id),) = {row[:2] for row in recipients}
    assert pull_id == "20240603T073000Z"
    start = datetime.fromtimestamp(entries[broadcast_id]["broadcast_start_timestamp"], UTC)
    assert datetime(2024, 6, 1, 7, 30, tzinfo=UTC) < start < NOW
    bot = sandbox.application.world.bots["botA"]
    reached = next(one.recipients for one in bot.broadcasts if one.id == broadcast_id)
    on_channel = {user for (user,) in query("select chatfuel_user_id from users where channel = 'whatsapp'")}
    assert {user for _, _, user in recipients} == {bot.users.ids[user] for user in reached} & on_channel


def test_audiences_are_recorded_of_all_that_was_sent(on_whatsapp, query):
    on_whatsapp()
    sent = query(
        "select distinct broadcast_id from scheduled_entries where payload->>'$.planned' = 'false' order by all"
    )
    assert len(sent) > 3
    assert query("select distinct broadcast_id from block_filters order by all") == sent


def test_recipients_that_are_fewer_than_counted_refuse_the_pull(on_whatsapp, query, tamper):
    def count_more(request, response):
        if b'"segment": {' not in (request.body or b"") or b"contactsTotalCount" not in response.body:
            return response
        told = json.loads(response.body)
        told["data"]["bot"] |= {"contactsCount": 19, "contactsTotalCount": 19}
        return replace(response, body=json.dumps(told).encode())

    tamper(count_more)
    refused = on_whatsapp()
    assert refused.exit_code == 7, refused.output
    assert "contacts, and Chatfuel counted 19" in refused.stderr
    assert query("select count(*) from pulls") == [(1,)]


def test_plan_and_check_count_campaigns(on_whatsapp, run):
    assert "campaigns: " in run("check").stdout
    assert "audience of 1 broadcasts" in run("plan", "--as-of", "2024-06-03T07:30:00Z").stdout


def test_a_pull_of_campaigns_reads_the_same_when_it_is_loaded_again(on_whatsapp, query, run, tmp_path):
    on_whatsapp()
    tables = ["scheduled_entries", "block_filters", "broadcast_recipients"]
    before = [query(f"from {table} order by all") for table in tables]
    (tmp_path / "warehouse.duckdb").unlink()
    assert run("reload", "--all").exit_code == 0
    assert [query(f"from {table} order by all") for table in tables] == before
