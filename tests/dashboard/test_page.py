"""What the page does with dates, Back, paper, colours and groups that are left out."""

from __future__ import annotations

import base64
import re
from itertools import combinations

import pytest
from selenium.webdriver.common.keys import Keys

from dashboard import build
from dashboard.browser import chromium, open_page, wait_until_drawn
from tests.dashboard.colours import SIGHT, delta_e, lab
from tests.pipeline.project import ROOT

# one worker of pytest-xdist runs them all, in one browser
pytestmark = pytest.mark.xdist_group("dashboard")

DAYS = [f"2024-05-{day:02}" for day in range(1, 32)]
STEPS = "lead,hot_lead,advocate,hero"


def table(columns, *rows):
    return (
        dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
        if rows
        else {name: [] for name in columns}
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page of made numbers: a month of pulls, two groups too small to show, one broadcast."""
    followed = ["active_users", "phone_numbers", "emails", "moved_up", "unsubscribed", "blocked"]
    kpis = ["new_subscribers", "active_users", "blocked", "unsubscribed", "support", "oppose"]
    tables = {
        "settings": table(
            ["engagement_steps", "opinions", "timezone", "attribution_days", "min_group"],
            (STEPS, "support,on_the_fence,oppose", "Europe/Berlin", 7, 10),
        ),
        "pulls": table(
            ["bot_id", "date", "pulled_at", "users", "attributes"],
            *(("bot", day, f"{day}T07:30:00Z", 1200, 5) for day in DAYS),
        ),
        "kpis": table(
            ["bot_id", "date", "kpi", "pull_count", "users", "total_users"],
            *(("bot", day, kpi, 1, 10, 1000) for kpi in kpis for day in DAYS),
        ),
        "transitions": table(
            ["bot_id", "date", "from_step", "to_step", "users"],
            ("bot", DAYS[8], "none", "lead", 12),
            ("bot", DAYS[9], "none", "lead", None),
            ("bot", DAYS[9], "lead", "advocate", None),
        ),
        "broadcasts": table(
            ["bot_id", "broadcast_key", "sent_at", "date", "message", "audience", "recipients", "opened", "clicked",
             "failed", "open_rate", "click_rate", "failure_rate", "known_recipients", *(f"followed_by_{name}" for name in followed), "is_mature"],
            ("bot", "b1", "2024-05-10T17:10:00Z", DAYS[9], "=1+1", "all " * 60, 1000, 500, 100, 9, 0.5, 0.1, 0.009, 990,
             *[20] * len(followed), True),
            ("bot", "b2", "2024-05-28T17:10:00Z", DAYS[27], "Come", "all", 1000, 120, 10, 9, 0.12, 0.01, 0.009, 990,
             *[20] * len(followed), False),
        ),
        "cohorts": table(["bot_id", "date", "age_weeks", "cohort_users", "reachable_users", "seen_users"]),
        "catalogue": table(["bot_id", "date", "attribute_name", "change"]),
        "attributes": table(["bot_id", "attributes", "empty_attributes", "still_attributes"], ("bot", 5, 0, 0)),
    }  # fmt: skip
    path = tmp_path_factory.mktemp("made") / "dashboard.html"
    path.write_text(build.page(tables), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(chromium_is_there):
    with chromium() as chrome:
        yield chrome


def date_of(browser, field):
    return browser.execute_script("return document.getElementById(arguments[0]).value", field)


@pytest.mark.parametrize(
    ("field", "typed", "range_"),
    [("from", "05032024", ("2024-05-03", "2024-05-30")), ("to", "05252024", ("2024-05-20", "2024-05-25"))],
)
def test_a_date_typed_by_keyboard_is_taken_as_it_is_typed(browser, file, field, typed, range_):
    open_page(browser, file, "page=overview&from=2024-05-20&to=2024-05-30")
    browser.find_element("id", field).send_keys(typed + Keys.TAB)
    wait_until_drawn(browser)
    assert (date_of(browser, "from"), date_of(browser, "to")) == range_
    assert "from={}&to={}".format(*range_) in browser.current_url


def test_back_shows_the_page_before(browser, file):
    open_page(browser, file, "page=overview")
    for name in ("broadcasts", "data"):
        browser.find_element("css selector", f"[data-page={name}]").click()
        wait_until_drawn(browser)
    for name in ("broadcasts", "overview"):
        browser.back()
        wait_until_drawn(browser)
        assert browser.execute_script("return document.body.dataset.ready") == name
        assert f"page={name}" in browser.current_url


def test_groups_left_out_are_no_zero(browser, file):
    open_page(browser, file, "page=journeys&from=2024-05-01&to=2024-05-31")
    cells = browser.execute_script(
        "return [...document.querySelectorAll('[aria-label=\"From step to step\"] .mark-text.role-mark text')]"
        ".map(cell => cell.textContent).filter(text => text !== '0')"
    )
    assert sorted(cells) == ["12+", "left out"]
    assert (
        "Left out, and in no sum: 2 groups of fewer than 10 users." in browser.find_element("id", "main").text
    )


def test_a_broadcast_whose_window_is_not_over_is_shown_as_unfinished(browser, file):
    open_page(browser, file, "page=broadcasts&from=2024-05-01&to=2024-05-31")
    sent, points = browser.execute_script(
        "return [[...document.querySelectorAll('#broadcasts td[data-field=sent_at]')].map(cell => cell.textContent),"
        " [...document.querySelectorAll('.mark-symbol path[aria-label]')].map(point =>"
        " [point.getAttribute('aria-label').match(/State: ([a-z ]+)/)[1], point.getAttribute('fill')])]"
    )
    assert sorted(sent) == ["10 May 2024", "28 May 2024 · so far"]
    card = re.search(r"--card: (#\w{6})", (ROOT / "dashboard" / "page.css").read_text())[1]
    assert {state: {fill == card for s, fill in points if s == state} for state, _ in points} == {
        "final": {False},
        "so far": {True},
    }


def test_the_head_names_the_last_pull_and_whose_days_are_shown(browser, file):
    open_page(browser, file, "page=overview")
    shown = browser.find_element("id", "as-of").text
    assert shown == "last pull 31 May 2024, 07:30 UTC; days are those of Europe/Berlin"


@pytest.mark.parametrize("name", ["overview", "broadcasts", "journeys", "data"])
def test_every_chart_has_its_table(browser, file, name):
    open_page(browser, file, f"page={name}&from=2024-05-01&to=2024-05-31")
    charts, tables = browser.execute_script(
        "const all = [...document.querySelectorAll('details')]; all.forEach(each => { each.open = true; });"
        "return new Promise(done => setTimeout(() => done([document.querySelectorAll('.chart').length,"
        " all.filter(each => each.querySelectorAll('tbody tr').length > 0).length]), 100))"
    )
    assert charts == tables > 0


def test_a_text_that_begins_like_a_formula_stays_a_text_in_the_csv(browser, file):
    open_page(browser, file, "page=broadcasts&from=2024-05-01&to=2024-05-31")
    saved = browser.execute_script(
        "return new Promise(done => {"
        " URL.createObjectURL = (blob) => { blob.text().then(done); return 'data:,'; };"
        " HTMLAnchorElement.prototype.click = () => {};"
        " const details = document.querySelector('details'); details.open = true;"
        " setTimeout(() => details.querySelector('.csv').click(), 100); })"
    )
    assert saved.splitlines()[2] == '"10 May 2024","Opened","0.5","1000","final","\'=1+1"'


@pytest.mark.parametrize("name", ["overview", "broadcasts", "journeys", "data"])
def test_a_phone_of_360_pixels_shows_every_page(browser, file, name):
    metrics = {"width": 360, "height": 780, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        open_page(browser, file, f"page={name}&from=2024-05-01&to=2024-05-31")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    finally:
        metrics = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.mark.parametrize("name", ["overview", "broadcasts", "journeys", "data"])
def test_nothing_is_cut_on_paper(browser, file, name):
    open_page(browser, file, f"page={name}&from=2024-05-01&to=2024-05-31")
    a4 = {"width": 703, "height": 1032, "deviceScaleFactor": 1, "mobile": False}  # less 12 mm at each side
    try:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", a4)
        cut = browser.execute_script(
            "return [...document.querySelectorAll('main *')]"
            ".filter(each => each.getClientRects().length && each.getBoundingClientRect().right > 704)"
            ".map(each => each.tagName)"
        )
        assert cut == []
        pdf = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
        assert base64.b64decode(pdf["data"]).startswith(b"%PDF")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        back = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", back)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_colours_of_kinds_can_be_told_apart(mode, sight):
    css = (ROOT / "dashboard" / "page.css").read_text()
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[mode]
    colours = dict(re.findall(r"--(c\d): (#\w{6})\b", block))
    assert len(colours) == 6
    near = {
        (one, other): delta_e(lab(colours[one], sight), lab(colours[other], sight))
        for one, other in combinations(colours, 2)
    }
    assert {pair: distance for pair, distance in near.items() if distance < 15} == {}
