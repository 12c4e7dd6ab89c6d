"""Personal data: hashed in staging, nothing derived holds it in clear; and whoever is to be forgotten is, everywhere."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.pipeline.days import copied, load
from tests.pipeline.personal import HASHED, ID, PERSONAL, PULLS, SALT, found
from tests.pipeline.project import BuildError, Project

# built once, on one worker
pytestmark = [pytest.mark.usefixtures("salt"), pytest.mark.xdist_group("personal")]


def test_without_hashing_the_search_finds_all_of_it(clear):
    places = found(clear, PERSONAL, outside=["chatfuel_raw"])
    assert {text for _, text in places} == PERSONAL
    assert {
        "chatfuel.dim_chatfuel__users.first_name",
        "chatfuel.fct_chatfuel__user_events.new_value",
        "chatfuel.fct_chatfuel__user_events.old_value",
        "chatfuel.fct_chatfuel__broadcasts.audience",
        "chatfuel_snapshots.snap_chatfuel__users.instagram_handle",
        "chatfuel_staging.stg_chatfuel__block_filters.payload",
        "chatfuel_staging.stg_chatfuel__user_attributes.attribute_value",
    } <= {column for column, _ in places}


def test_hashed_nothing_but_raw_holds_it_in_clear(hashed):
    assert {text for _, text in found(hashed, PERSONAL)} == PERSONAL
    assert found(hashed, PERSONAL, outside=["chatfuel_raw"]) == set()


def test_the_numbers_are_those_of_clear_text(clear, hashed):
    for table in (
        "chatfuel.fct_chatfuel__daily_kpi_values",
        "chatfuel.rpt_chatfuel__daily_kpis",
        "chatfuel.rpt_chatfuel__engagement_transitions",
        "chatfuel.rpt_chatfuel__signup_cohorts",
        "chatfuel.dim_chatfuel__attributes",
        "chatfuel.fct_chatfuel__broadcast_recipients",
        "chatfuel_intermediate.int_chatfuel__kpi_events",
    ):
        assert hashed.table(table) == clear.table(table) != [], table
    users = "select * exclude (first_name, last_name, instagram_name, instagram_handle) from chatfuel.dim_chatfuel__users order by all"
    assert hashed.query(users) == clear.query(users)
    assert hashed.query(
        "select chatfuel_user_id, has_phone_number, has_email from chatfuel.dim_chatfuel__users order by all"
    ) == [("1", False, False), ("2", False, False), ("3", False, False), (ID, True, True)]
    events = "select * exclude (old_value, new_value) from chatfuel.fct_chatfuel__user_events order by all"
    assert hashed.query(events) == clear.query(events)


def test_another_salt_gives_other_hashes(hashed, tmp_path, monkeypatch):
    copy = copied(hashed, tmp_path, has_views=False)
    query = "select chatfuel_user_id, first_name from chatfuel.dim_chatfuel__users where first_name is not null order by all"
    before = copy.query(query)
    monkeypatch.setenv("CHATFUEL_PII_SALT", SALT + "1")
    with pytest.raises(BuildError, match=r"is not what the history was built with.*--full-refresh"):
        copy.build(variables=HASHED)
    assert "snap_chatfuel__users begins anew" in copy.build("--full-refresh", variables=HASHED).replace(
        '"', ""
    )
    after = copy.query(query)
    assert [row[0] for row in after] == [row[0] for row in before] != []
    assert not {row[1] for row in after} & {row[1] for row in before}
    copy.build(variables=HASHED)


def test_hashing_switched_on_later_leaves_no_clear_text_behind(clear, tmp_path):
    copy = copied(clear, tmp_path, has_views=False)
    before = copy.tables()
    for arguments in ([], ["--full-refresh", "--select", "int_chatfuel__pii_setting"]):
        with pytest.raises(BuildError, match="is not what the history was built with"):
            copy.build(*arguments, variables=HASHED)
    assert copy.tables() == before
    copy.build("--full-refresh", variables=HASHED)
    assert found(copy, PERSONAL, outside=["chatfuel_raw"]) == set()


def test_a_history_older_than_the_setting_is_in_clear_text(clear, tmp_path):
    copy = copied(clear, tmp_path, has_views=False)
    with copy.connect() as connection:
        connection.execute("drop table chatfuel_intermediate.int_chatfuel__pii_setting")
    with pytest.raises(BuildError, match="is not what the history was built with"):
        copy.build(variables=HASHED)
    copy.build()


def test_the_salt_is_not_in_the_docs_site(hashed, tmp_path):
    project = Project(copied(hashed, tmp_path).path, tmp_path / "target")
    shutil.copytree(hashed.target_path, project.target_path)
    project.dbt("docs", "generate", "--static", variables=HASHED)
    # names, for pytest would take minutes to explain what the text of a whole site holds
    site = ("manifest.json", "catalog.json", "static_index.html")
    assert [name for name in site if SALT in (project.target_path / name).read_text()] == []
    compiled = json.loads((project.target_path / "manifest.json").read_text())["nodes"]
    assert "sha256" in compiled["model.chatfuel.stg_chatfuel__users"]["compiled_code"]


@pytest.mark.parametrize(
    ("variables", "salt", "message"),
    [
        (HASHED, "", "chatfuel_hash_pii is on, but the environment variable CHATFUEL_PII_SALT is empty"),
        (HASHED, "secret", "CHATFUEL_PII_SALT holds no salt of 16 or more letters, digits"),
        (HASHED, "it's a salt of 20 or so", "CHATFUEL_PII_SALT holds no salt of 16 or more letters, digits"),
        ({"chatfuel_hash_pii": "yes"}, SALT, "chatfuel_hash_pii is 'yes'. Set it to true"),
        ({**HASHED, "chatfuel_pii_attributes": []}, SALT, "chatfuel_pii_attributes is .*Set it to a list"),
        ({"chatfuel_pii_attributes": "email"}, SALT, "chatfuel_pii_attributes is .*Set it to a list"),
        (
            {**HASHED, "chatfuel_pii_attributes": ["Signed up"]},
            SALT,
            "'signed_up', but the history is derived from it",
        ),
    ],
)
def test_a_setting_that_cannot_be(project, monkeypatch, variables, salt, message):
    load(project, PULLS[:1])
    monkeypatch.setenv("CHATFUEL_PII_SALT", salt)
    with pytest.raises(BuildError, match=message):
        project.build(variables=variables)
    assert project.query(
        "select count(*) from duckdb_tables() where schema_name in ('chatfuel', 'chatfuel_intermediate')"
    ) == [(0,)]


@pytest.mark.parametrize("rule", ["'matches', '^[+]49'", "'equals', 'x@y.example'", "'at_least', '1'"])
def test_a_rule_that_no_hash_can_be_judged_by_is_refused(hashed, tmp_path, rule):
    copy = copied(hashed, tmp_path)
    with copy.connect() as connection:
        connection.execute(f"insert into chatfuel_seeds.kpi_rules values ('vip', 'phone_number', {rule})")
    with pytest.raises(BuildError, match=r"the rule of 'vip' on 'phone_number' .* cannot be judged"):
        copy.run("--select", "int_chatfuel__kpi_versions", variables=HASHED)
