"""Personal data: hashed in staging, nothing derived holds it in clear; and whoever is to be forgotten is, everywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.emulator.compare import relations
from tests.pipeline.bots import BOT_ID, Pull, line, user, write_pulls
from tests.pipeline.project import BuildError, Project

SALT = "a-salt-for-tests-0123456789"
HASHED = {"chatfuel_hash_pii": True}
SENT = "2024-06-02 17:10:00"
PERSONAL = {
    *("Annabel", "Zimmermann", "insta.annabel", "annabel.z", "+49 170 1234567", "annabel@zimmermann.example"),
    *("Bertram", "berti@zimmermann.example", "call me at 555-0199", "+49 171 7654321"),
}
ANN = {
    "first name": "Annabel",
    "last name": "Zimmermann",
    "instagram name": "insta.annabel",
    "instagram handle": "annabel.z",
    "Phone number": "+49 170 1234567",
    "email": "annabel@zimmermann.example",
}
ID = "7878746085532623"


# A block that is sent to Ann alone, by her address.
ONLY_ANN = {
    "title": "t",
    "user_filter": {
        "operation": "and",
        "valid": True,
        "parameters": [{"type": "custom", "name": "Email", "operation": "is", "values": [ANN["email"]]}],
    },
}

# Ann is there from the second pull to the last; others come, go and change beside her.
PULLS = [
    Pull("2024-06-03 07:30:00", {"1": user(a="x", segment="lead"), "2": user(first__name="Bertram")}),
    Pull(
        "2024-06-04 07:30:00",
        {
            "1": user(a="x", segment="hero", email="no address"),
            "2": user(first__name="Bertram", email="berti@zimmermann.example"),
            ID: user(**ANN, segment="lead"),
        },
        recipients={"b1": (SENT, ["1", ID])},
        broadcast_list=[line(SENT, "b1")],
        block_filters={"b1": ONLY_ANN},
    ),
    Pull(
        "2024-06-05 07:30:00",
        {
            "1": user(a="y", segment="hero", email="no address"),
            "2": {**user(first__name="Bertram"), "phone_number": "call me at 555-0199"},
            ID: user(**{**ANN, "Phone number": "+49 171 7654321"}, segment="advocate", bcast_read_rate="3"),
        },
    ),
    Pull(
        "2024-06-06 07:30:00",
        {
            "1": user(a="y", segment="hero", email="no address"),
            "3": user(),
            ID: user(**ANN, segment="hero", last__seen="2024-06-05 12:00:00"),
        },
    ),
]


@pytest.fixture(autouse=True)
def salt(monkeypatch):
    monkeypatch.setenv("CHATFUEL_PII_SALT", SALT)


def build(project, pulls=PULLS, variables=None):
    for pull in pulls:
        with project.connect() as connection:
            write_pulls(connection, [pull])
        project.build(variables=variables)
    return project


@pytest.fixture(scope="module")
def clear(tmp_path_factory, target_path):
    """Built day by day, nothing hashed."""
    return build(Project(tmp_path_factory.mktemp("clear") / "warehouse.duckdb", target_path))


@pytest.fixture(scope="module")
def hashed(tmp_path_factory):
    """The same, with hashes, and all tests passed; with a parse cache of its own, for other variables parse anew."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHATFUEL_PII_SALT", SALT)
        project = Project(
            tmp_path_factory.mktemp("hashed") / "warehouse.duckdb", tmp_path_factory.mktemp("target")
        )
        build(project, variables=HASHED)
        project.dbt("build", "--exclude-resource-type", "unit_test", variables=HASHED)
        return project


def copy_of(project, folder):
    # of the same name: views hold the name of the file
    return Project(Path(shutil.copy(project.path, folder)), project.target_path)


def found(project, texts, outside=()):
    """Where a text stands, in whatever table or view of whatever schema, as pairs of column and text."""
    return {
        (f"{name}.{column}", text)
        for name, rows in relations(project).items()
        if name.split(".")[0] not in outside
        for row in rows
        for column, value in row.items()
        for text in texts
        if text in str(value)
    }


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
    copy = copy_of(hashed, tmp_path)
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
    copy = copy_of(clear, tmp_path)
    before = copy.tables()
    for arguments in ([], ["--full-refresh", "--select", "int_chatfuel__pii_setting"]):
        with pytest.raises(BuildError, match="is not what the history was built with"):
            copy.build(*arguments, variables=HASHED)
    assert copy.tables() == before
    copy.build("--full-refresh", variables=HASHED)
    assert found(copy, PERSONAL, outside=["chatfuel_raw"]) == set()


def test_a_history_older_than_the_setting_is_in_clear_text(clear, tmp_path):
    copy = copy_of(clear, tmp_path)
    with copy.connect() as connection:
        connection.execute("drop table chatfuel_intermediate.int_chatfuel__pii_setting")
    with pytest.raises(BuildError, match="is not what the history was built with"):
        copy.build(variables=HASHED)
    copy.build()


def test_the_salt_is_not_in_the_docs_site(hashed, tmp_path):
    project = Project(copy_of(hashed, tmp_path).path, tmp_path / "target")
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
        ({"chatfuel_hash_pii": "yes"}, SALT, "chatfuel_hash_pii is 'yes'. Set it in dbt_project.yml to true"),
        ({**HASHED, "chatfuel_pii_attributes": []}, SALT, "chatfuel_pii_attributes names no attribute"),
        ({"chatfuel_pii_attributes": "email"}, SALT, "chatfuel_pii_attributes names no attribute"),
        (
            {**HASHED, "chatfuel_pii_attributes": ["Signed up"]},
            SALT,
            "'signed_up', which the history is made of",
        ),
    ],
)
def test_a_setting_that_cannot_be(project, monkeypatch, variables, salt, message):
    with project.connect() as connection:
        write_pulls(connection, PULLS[:1])
    monkeypatch.setenv("CHATFUEL_PII_SALT", salt)
    with pytest.raises(BuildError, match=message):
        project.build(variables=variables)
    assert project.query("select count(*) from duckdb_tables() where schema_name <> 'chatfuel_raw'") == [(0,)]


@pytest.mark.parametrize("rule", ["'matches', '^[+]49'", "'equals', 'x@y.example'", "'at_least', '1'"])
def test_a_rule_that_no_hash_can_be_judged_by_is_refused(hashed, tmp_path, rule):
    copy = copy_of(hashed, tmp_path)
    with copy.connect() as connection:
        connection.execute(f"insert into chatfuel_seeds.kpi_rules values ('vip', 'phone_number', {rule})")
    with pytest.raises(BuildError, match=r"the rule of 'vip' on 'phone_number' .* cannot be judged"):
        copy.run("--select", "int_chatfuel__kpi_versions", variables=HASHED)


def forget(project, user_id, variables=HASHED):
    arguments = json.dumps({"user_id": user_id, "bot_id": BOT_ID})
    return project.dbt("run-operation", "forget_user", "--args", arguments, variables=variables)


@pytest.mark.parametrize("when_built", ["clear", "hashed"])
def test_a_forgotten_person_is_nowhere_and_the_next_build_is_sound(request, tmp_path, when_built):
    copy = copy_of(request.getfixturevalue(when_built), tmp_path)
    variables = HASHED if when_built == "hashed" else {}
    with copy.connect() as connection:
        # as `store_failures` leaves it
        connection.execute("create schema chatfuel_dbt_test__audit")
        connection.execute(f"create table {FAILURES} as select '{ID}' as unique_field, 2 as n_records")
    before = relations(copy)
    tables = {
        name
        for name, rows in before.items()
        if any(ID in str(value) for row in rows for value in row.values())
    }
    assert len(tables) > 10
    said = forget(copy, ID, variables)
    assert found(copy, [ID, *ANN.values()] if when_built == "clear" else [ID]) - BLOCKS == set()
    removed = {row.split()[1]: int(row.split()[0]) for row in said.splitlines() if row[:8].strip().isdigit()}
    for name in tables - {FAILURES} - {name for name in tables if is_view(copy, name)}:
        assert removed[name] == sum(row["chatfuel_user_id"] == ID for row in before[name]) > 0, name
    # nobody else lost a row
    for name, rows in relations(copy).items():
        if "chatfuel_user_id" in (before[name] or [{}])[0]:
            assert rows_of_others(rows) == rows_of_others(before[name]), name
    copy.dbt("build", "--exclude-resource-type", "unit_test", variables=variables)
    assert found(copy, [ID]) == set()


FAILURES = "chatfuel_dbt_test__audit.unique_dim_chatfuel__users_user_key"

# The team's own words: an audience that names Ann is not hers, and no column says that it is about her.
BLOCKS = {
    ("chatfuel.fct_chatfuel__broadcasts.audience", ANN["email"]),
    ("chatfuel_raw.block_filters.payload", ANN["email"]),
    ("chatfuel_staging.stg_chatfuel__block_filters.payload", ANN["email"]),
    ("chatfuel_intermediate.int_chatfuel__broadcast_audiences.filter_json", ANN["email"]),
    ("chatfuel_intermediate.int_chatfuel__broadcast_audiences.audience", ANN["email"]),
    ("chatfuel_snapshots.snap_chatfuel__broadcast_audiences.filter_json", ANN["email"]),
    ("chatfuel_snapshots.snap_chatfuel__broadcast_audiences.audience", ANN["email"]),
}


def is_view(project, name):
    return project.query(
        f"select count(*) from duckdb_views() where schema_name || '.' || view_name = '{name}'"
    ) == [(1,)]


def rows_of_others(rows):
    return sorted(repr(row) for row in rows if row["chatfuel_user_id"] != ID)


@pytest.mark.parametrize("person", ["2", "3", ID])
def test_whoever_is_forgotten_the_law_holds_on_the_next_day_and_on_a_full_refresh(clear, tmp_path, person):
    copy = copy_of(clear, tmp_path)
    forget(copy, person, {})
    build(copy, [Pull("2024-06-07 07:30:00", {"1": user(a="z"), "4": user(first__name="Dora")})])
    events = "select * from chatfuel.fct_chatfuel__user_events order by all"
    day_by_day = copy.query(events)
    copy.build("--full-refresh")
    # somebody who is still in Chatfuel comes back as new, for nothing is known of them
    assert copy.query(events) == day_by_day
    assert copy.query(
        f"select count(*) from chatfuel_raw.users where chatfuel_user_id = '{person}' and pull_date < date '2024-06-07'"
    ) == [(0,)]


def test_the_ledger_counts_the_rows_that_are_left(clear, tmp_path):
    copy = copy_of(clear, tmp_path)
    users_rows = "select sum(users_rows) from chatfuel_raw.pulls"
    ((before,),) = copy.query(users_rows)
    for _ in range(2):
        forget(copy, ID, {})
        assert copy.query(users_rows) == [(before - 3,)]
        for table in ("users", "user_attributes", "broadcast_recipients"):
            assert (
                copy.query(
                    f"""
                select ledger.pull_id, ledger.{table}_rows, count(counted.pull_id)
                from chatfuel_raw.pulls as ledger
                left join chatfuel_raw.{table} as counted using (bot_id, pull_id)
                group by all having ledger.{table}_rows <> count(counted.pull_id)
                """
                )
                == []
            )
        assert (
            copy.query(
                "select pull_id from chatfuel_raw.pulls as ledger join chatfuel_intermediate.int_chatfuel__pulls as pulls "
                "using (bot_id, pull_id) where ledger.users_rows <> pulls.users_rows"
            )
            == []
        )


def test_the_same_id_of_another_bot_stays(project):
    other = [Pull(pull.pulled_at, pull.users, bot_id="bot_b", recipients=pull.recipients) for pull in PULLS]
    with project.connect() as connection:
        write_pulls(connection, [*PULLS, *other])
    project.build()
    before = {name: rows for name, rows in relations(project).items() if rows and "bot_id" in rows[0]}
    forget(project, ID, {})
    for name, rows in relations(project).items():
        if name in before and "stg_chatfuel__pulls" not in name:
            assert of_bot_b(rows) == of_bot_b(before[name]), name


def of_bot_b(rows):
    return sorted(repr(row) for row in rows if row["bot_id"] == "bot_b")


def test_a_person_whom_no_table_holds(clear, tmp_path):
    copy = copy_of(clear, tmp_path)
    assert "Nobody was found" in forget(copy, "404", {})
    with pytest.raises(BuildError, match="user_id is '1' or true', which is no id"):
        forget(copy, "1' or true", {})
    with pytest.raises(BuildError, match=r"user_id is .*, which is no id\. Write it in quotes"):
        copy.dbt("run-operation", "forget_user", "--args", "{user_id: 1.5, bot_id: b}")


def test_a_person_can_be_forgotten_before_anything_was_built(project):
    with project.connect() as connection:
        write_pulls(connection, PULLS)
    forget(project, ID, {})
    assert found(project, [ID]) == set()
    project.build()
