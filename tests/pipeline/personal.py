"""A bot with personal data, built in clear text and hashed: what the tests of privacy look at."""

from __future__ import annotations

import pytest

from tests.emulator.compare import relations
from tests.pipeline.bots import Pull, line, user
from tests.pipeline.days import load
from tests.pipeline.project import Project

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


@pytest.fixture
def salt(monkeypatch):
    monkeypatch.setenv("CHATFUEL_PII_SALT", SALT)


@pytest.fixture(scope="session")
def clear(tmp_path_factory, target_path):
    """Built in two parts, nothing hashed."""
    project = Project(tmp_path_factory.mktemp("clear") / "warehouse.duckdb", target_path)
    for pulls in (PULLS[:2], PULLS[2:]):
        load(project, pulls)
        project.build()
        project.has_views = True
    return project


@pytest.fixture(scope="session")
def hashed(tmp_path_factory, target_path):
    """The same at once, with hashes, and all tests passed."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHATFUEL_PII_SALT", SALT)
        project = Project(tmp_path_factory.mktemp("hashed") / "warehouse.duckdb", target_path)
        load(project, PULLS)
        project.dbt("build", "--exclude-resource-type", "unit_test", variables=HASHED)
        return project


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
