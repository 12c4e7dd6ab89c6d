"""Audience filters select the users they describe."""

import json

import pytest

from tests.sandbox.conftest import EVERYONE, EXPORT, SEGMENTS, USER_ID

NAMES = ("AB_Split", "segment", "Research answer")


def condition(name, operation, *values, kind="custom"):
    return {"type": kind, "name": name, "operation": operation, "values": list(values)}


def audience(operation, *parameters):
    return json.dumps({"operation": operation, "valid": True, "parameters": list(parameters)})


@pytest.fixture(scope="module")
def users(client):
    fields = [USER_ID, {"name": "status", "type": "system"}, {"name": "gender", "type": "system"}]
    rows = client.rows(fields + [{"name": name, "type": "custom"} for name in NAMES])
    return {row["chatfuel user id"]: row for row in rows}


@pytest.fixture(scope="module")
def segments(client):
    return {one["name"]: one["id"] for one in client.data(SEGMENTS)["bot"]["segments"]}


CASES = {
    "is": ("and", [condition("segment", "is", "lead")], lambda u: u["segment"] == "lead"),
    "is, alternatives": (
        "and",
        [condition("segment", "is", "lead", "hero")],
        lambda u: u["segment"] in ("lead", "hero"),
    ),
    "is_not selects also who has no value": (
        "and",
        [condition("segment", "is_not", "lead")],
        lambda u: u["segment"] != "lead",
    ),
    "gt": ("and", [condition("AB_Split", "gt", "50")], lambda u: u["AB_Split"] and int(u["AB_Split"]) > 50),
    "lt": ("and", [condition("AB_Split", "lt", "51")], lambda u: u["AB_Split"] and int(u["AB_Split"]) < 51),
    "and": (
        "and",
        [condition("AB_Split", "gt", "50"), condition("segment", "is", "lead")],
        lambda u: u["AB_Split"] and int(u["AB_Split"]) > 50 and u["segment"] == "lead",
    ),
    "or": (
        "or",
        [condition("AB_Split", "gt", "50"), condition("segment", "is", "lead")],
        lambda u: (u["AB_Split"] and int(u["AB_Split"]) > 50) or u["segment"] == "lead",
    ),
    "system": (
        "and",
        [
            condition("status", "is", "blocked", kind="system"),
            condition("gender", "is_not", "male", kind="system"),
        ],
        lambda u: u["status"] == "blocked" and u["gender"] != "male",
    ),
    "everyone by or": ("or", [], lambda u: True),
    "everyone by and": ("and", [], lambda u: True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_filter_selects_whom_it_describes(client, users, case):
    operation, parameters, describes = CASES[case]
    wanted = [user_id for user_id, user in users.items() if describes(user)]
    assert client.ids(audience(operation, *parameters)) == wanted
    assert wanted


def test_a_segment_is_a_filter_itself(client, users, segments):
    climate = condition(None, "is", segments["all_climate"], kind="segment")
    wanted = [user_id for user_id, user in users.items() if user["segment"]]
    assert client.ids(audience("and", climate)) == wanted
    others = client.ids(audience("and", climate | {"operation": "is_not"}))
    assert sorted(wanted + others) == sorted(users)


def test_a_segment_and_an_attribute(client, users, segments):
    both = audience(
        "and",
        condition(None, "is", segments["all_climate"], kind="segment"),
        condition("AB_Split", "gt", "50"),
    )
    wanted = [i for i, user in users.items() if user["segment"] and int(user["AB_Split"] or 0) > 50]
    assert client.ids(both) == wanted != []


def test_sessions_compare_as_numbers(client):
    many = condition("sessions", "gt", "9", kind="system")
    rows = client.rows([USER_ID, {"name": "sessions", "type": "system"}])
    wanted = [row["chatfuel user id"] for row in rows if int(row["sessions"]) > 9]
    assert client.ids(audience("and", many)) == wanted != []


def test_no_filter_is_everyone(client):
    assert client.ids(None) == client.ids(EVERYONE)


def test_the_filter_of_a_block_can_be_given_back_as_it_came(month):
    entry = next(one for one in month.entries() if not one["planned"] and one["enabled"])
    answer = month.block(entry["block_id"])
    assert month.ids(json.dumps(answer["user_filter"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "not a JSON filter"),
        ("[]", "not a JSON filter"),
        ('{"operation": "xor", "parameters": []}', '"xor"'),
        (audience("and", condition("AB_Split", "resembles", "5")), '"resembles"'),
        (audience("and", condition("AB_Split", "gt", "five")), "compares numbers"),
        (audience("and", condition("nobody made this", "is", "5")), "nobody made this"),
        (audience("and", condition(None, "is", "nonsense", kind="segment")), "unknown segment"),
        (audience("and", condition(None, "gt", "5", kind="segment")), '"gt"'),
        (audience("and", condition("x", "is", "5", kind="star sign")), "star sign"),
    ],
)
def test_a_filter_that_makes_no_sense_is_an_error(client, text, message):
    answer = client.graphql(EXPORT, params={"fields": [USER_ID]}, filter=text)
    assert answer["data"] is None
    assert message in answer["errors"][0]["message"]
