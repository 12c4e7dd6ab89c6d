"""One source for each field: a system field comes from the users export; a custom one named so, beside it."""

import pytest

from sandbox.server import running
from tests.loader.helpers import variables
from tests.loader.landed import chunk_csv, land, users_csv


def test_what_the_users_export_has_is_not_asked_for_again(pull, tamper, query):
    requests = tamper(lambda request, response: response)
    assert pull().exit_code == 0
    asked = [body["params"]["fields"] for body in variables(requests, "GenerateUsersDocument")][:-1]
    names = [field["name"] for fields in asked for field in fields if field["name"] != "chatfuel user id"]
    assert len(names) == len(set(names))
    (users,) = query("select count(first_name) from users")[0]
    assert query("select count(*) from user_attributes where attribute_name = 'first name'") == [(users,)]


def test_a_custom_attribute_named_as_a_system_field_arrives_beside_it(run, query, monkeypatch):
    with running(users=120, attributes=60, bot_id="botA") as sandbox:
        monkeypatch.setenv("CHATFUEL_BASE_URL", sandbox.url)
        assert run("pull", "--as-of", "2024-06-03T07:30:00Z").exit_code == 0
        ((name, values),) = query(
            "select attribute_name, count(*) from user_attributes join attributes using (pull_id, attribute_name)"
            " where attribute_type = 'custom' group by all order by 2 desc, 1 limit 1"
        )
        attributes = sandbox.application.world.bots["botA"].attributes
        for other in ("status", "source"):
            attribute = attributes.get(name, "custom") or attributes.get("status", "custom")
            attribute.name = other
            attributes._by_name["custom", other] = attribute
        assert run("pull", "--as-of", "2024-06-04T07:30:00Z").exit_code == 0
    pulled = "pull_id = '20240604T073000Z'"
    names = query(f"select attribute_name from attributes where {pulled}")
    assert ("source (custom)",) in names
    assert len(names) == len(set(names))
    own, before = (
        query(
            f"select count(status), count(distinct status) from users where pull_id = '2024060{day}T073000Z'"
        )
        for day in (4, 3)
    )
    assert own == before
    assert query(f"select count(*) from user_attributes where {pulled} and attribute_name = 'source (custom)'") == [
        (values,)]  # fmt: skip


@pytest.mark.parametrize("order", [1, -1], ids=["custom last", "custom first"])
def test_both_arrive_whichever_is_listed_first(converted, tmp_path, order):
    catalogue = [{"name": "status", "type": "system"}, {"name": "status", "type": "custom"}][::order]
    answer = {"data": {"bot": {"variableSuggest": catalogue}}}
    users = users_csv(["1"]).replace(b"\n", b"\n", 1)
    header = users.decode().splitlines()[0].split(",")
    row = ["1" if n == "chatfuel user id" else "subscribed" if n == "status" else "" for n in header]
    folder = land(
        tmp_path / "landing", users=f"{','.join(header)}\n{','.join(row)}\n".encode(),
        chunks=[chunk_csv(["status"], [["1", "gold"]])], names=[["status"]], custom=("status",),
        json_files={"attributes": answer},
    )  # fmt: skip
    assert sorted(row[:2] for row in converted(folder, "attributes")) == [
        ("status", "system"), ("status (custom)", "custom")]  # fmt: skip
    assert sorted(converted(folder, "user_attributes")) == [
        ("1", "status", "subscribed"), ("1", "status (custom)", "gold")]  # fmt: skip


def test_an_older_pull_that_did_not_ask_for_it_loads_without_it(converted, tmp_path, caplog):
    answer = {"data": {"bot": {"variableSuggest": [{"name": "status", "type": "custom"}]}}}
    folder = land(
        tmp_path / "landing", users=users_csv(["1"]), chunks=[chunk_csv(["status"], [["1", "gold"]])],
        names=[["status"]], json_files={"attributes": answer},
    )  # fmt: skip
    assert converted(folder, "attributes") == []
    assert "status (custom)" in caplog.text
