"""Whatever Chatfuel does, a pull is whole or it is nothing: what arrives is not what it should be."""

from collections import Counter
from pathlib import Path

import pytest

from loader.warehouse import LEDGER
from sandbox.faults import FAULTS
from tests.loader.conftest import NOW_AND_QUICKLY
from tests.loader.faults.conftest import read

# Users who are missing


@pytest.mark.parametrize("name", ["cut-at-line-end", "fewer-users", "other-users"])
@pytest.mark.parametrize("after", [0, 1, 3], ids=["users", "first chunk", "last chunk"])
def test_exports_that_disagree_about_the_users_are_refused(fault, fails, name, after):
    fault(name, on="users", after=after)
    fails(7, "not in every export")


def test_less_than_half_of_the_users_is_refused(fault, fails):
    fault("fewer-users", times=None)
    fails(7, "suspiciously few")


@pytest.mark.parametrize("times", [1, None], ids=["one", "all"])
def test_exports_without_a_row_are_refused(fault, fails, times):
    fault("no-rows", on="users", times=times)
    fails(7, "is empty")


@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_an_export_without_a_byte_is_an_error(fault, fails, on):
    fault("no-bytes", on=on)
    fails(5, "does not begin with")


# Another CSV


@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_a_missing_column_is_an_error(fault, fails, on):
    fault("missing-column", on=on)
    fails(5, "has no column")


def test_an_attribute_that_vanishes_between_catalogue_and_export_is_an_error(fault, fails):
    fault("vanished-attribute", after=1)
    fails(5, "user_attributes-001.csv.gz has no column")


@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_a_column_that_is_served_twice_is_one(fault, whole, on):
    fault("duplicate-column", on=on)
    whole()


@pytest.mark.parametrize("name", ["short-row", "long-row"])
@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_a_row_of_another_width_than_the_header_is_an_error(fault, fails, name, on):
    fault(name, on=on)
    fails(5, "cells of the header")


def test_a_column_that_nobody_asked_for_is_left_out(fault, whole):
    fault("extra-column", times=None)
    whole()


def test_a_byte_order_mark_is_no_part_of_the_header(fault, whole):
    fault("byte-order-mark", times=None)
    whole()


def test_a_nul_byte_is_part_of_the_value(fault, pull, world, tmp_path):
    fault("nul-byte", on="users", after=1)
    assert pull().exit_code == 0
    tables, undisturbed = read(tmp_path / "warehouse.duckdb"), world.undisturbed
    changed = Counter(tables["user_attributes"]) - Counter(undisturbed["user_attributes"])
    assert [row[-1] for row in changed.elements()] == ["before\0after"]
    others = tables.keys() - {"user_attributes", LEDGER}
    assert {table: tables[table] for table in others} == {table: undisturbed[table] for table in others}


# Afterwards


@pytest.mark.parametrize(
    ("name", "details", "code"),
    [
        ("401", {"on": "users", "after": 2}, 3),
        ("broken-off", {"on": "users", "after": 2, "times": NOW_AND_QUICKLY.attempts}, 4),
        ("short-row", {"on": "users", "after": 2}, 5),
        ("cut-at-line-end", {"on": "users", "after": 2}, 7),
    ],
)
def test_after_a_failure_the_same_command_makes_the_pull_whole(fault, fails, whole, name, details, code):
    fault(name, **details)
    fails(code, "")
    whole()


def test_every_fault_has_a_test():
    folder = Path(__file__).parent
    tests = "".join(
        path.read_text() for path in (*folder.glob("test_*.py"), folder.parent / "test_panel_faults.py")
    )
    assert [name for name in FAULTS if f'"{name}"' not in tests] == []
