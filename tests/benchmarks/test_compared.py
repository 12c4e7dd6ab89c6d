"""docs/compared.md says what the ways say; dlt is not in this environment, and its column is taken as it stands."""

from __future__ import annotations

from benchmarks import compared
from tests.pipeline.bots import Pull


def test_the_page_says_what_happened_and_what_an_overwritten_table_keeps():
    page = compared.PAGE.read_text().split(compared.MARKER)[1].split("\n\n")[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in page.splitlines()]
    kept = [row[:3] + row[-1:] for row in rows[2:]]
    assert kept == compared.main(("overwritten",))


def test_a_version_that_ends_on_another_day_than_the_pull_was_dated_by_a_clock():
    first, second, other = "2024-06-03 07:30:00", "2024-06-04 07:30:00", "2026-01-01 00:00:00"
    before = {("Ann", "color", "red", first, None), ("Bob", "color", "red", first, None)}
    after = {
        ("Ann", "color", "red", first, second),
        ("Ann", "color", "blue", second, None),
        ("Bob", "color", "red", first, other),
    }
    said = {}
    compared.differences("4 June", before, after, said)
    assert said == {
        ("4 June", "Ann"): ["color blue begins", "color red ends"],
        ("4 June", "Bob"): ["color red ends (dated when it ran)"],
    }


def test_the_example_is_the_one_of_the_events_page():
    pulls = compared.example()
    assert [type(pull) for pull in pulls] == [Pull] * 4
    assert pulls[1].users == {"Ann": {"color": "blue", "size": "L"}, "Bob": {}, "Dan": {"color": "pink"}}
    assert pulls[2].catalogue == ["color"]
