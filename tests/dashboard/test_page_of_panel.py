"""What the page shows of a bot on the panel, which does not tell everything."""

from __future__ import annotations

import pytest

from dashboard.browser import open_page
from tests.dashboard.made import tables
from tests.dashboard.test_page import CELLS, MONTH, text

# one worker of pytest-xdist runs them all, in one browser
pytestmark = pytest.mark.xdist_group("dashboard")


@pytest.mark.parametrize(("surface", "is_said"), [("panel", True), ("classic", False)])
def test_of_a_bot_on_the_panel_the_page_says_what_nobody_can_tell(browser, save, surface, is_said):
    made = tables()
    made["pulls"]["surface"] = [surface for _ in made["pulls"]["date"]]
    open_page(browser, save(made), f"page=overview&{MONTH}")
    assert ("Those numbers are missing here; they are not zero." in text(browser)) == is_said


@pytest.mark.parametrize(("surface", "is_shown"), [("panel", False), ("classic", True)])
def test_what_the_panel_does_not_tell_is_left_out_and_not_called_nothing(browser, save, surface, is_shown):
    made = tables()
    made["pulls"]["surface"] = [surface for _ in made["pulls"]["date"]]
    made["base"]["reachable_at_end"] = [None for _ in made["base"]["date"]]
    made["broadcasts"] = {name: [] for name in made["broadcasts"]}
    open_page(browser, save(made), f"page=overview&{MONTH}")
    assert ("Growth of the base" in text(browser)) == is_shown
    assert ("No broadcast yet." in text(browser)) == is_shown


def test_a_campaign_of_the_panel_says_between_when_it_was_sent_and_what_nobody_tells(browser, save):
    made = tables()
    told = {name: [values[0]] for name, values in made["broadcasts"].items()}
    nothing = ["recipients", "opened", "clicked", "open_rate", "click_rate", "followed_by_seen"]
    made["broadcasts"] = (
        told
        | {name: [None] for name in nothing}
        | {"sent_after": ["2024-05-26T07:30:00Z"], "not_told": [" seen"]}
    )
    page = save(made)
    open_page(browser, page, f"page=broadcasts&{MONTH}")
    assert "Opens and clicks" not in text(browser)
    (row,) = browser.execute_script(CELLS, "#broadcasts tbody tr")
    assert row[0].startswith("26 May 2024 – 28 May 2024")
    assert row[2:4] == ["990 known", "–"]
    open_page(browser, page, f"page=broadcasts&{MONTH}&broadcast=b2")
    assert "between 26 May 2024, 07:30 UTC, and 28 May 2024, 17:10 UTC, to: all" in text(browser)
    assert "At equal age" not in text(browser)
    users = {name: users for name, users, _ in browser.execute_script(CELLS, "#outcomes tbody tr")}
    assert (users["Seen"], users["Moved up"], users["Phone numbers"]) == ("–", "99", "< 10")
