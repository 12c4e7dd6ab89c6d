"""What the page does with dates, Back, addresses, files, and what cannot be told."""

from __future__ import annotations

import re

import pytest
from selenium.webdriver.common.keys import Keys

from dashboard.browser import open_page, wait_until_drawn
from tests.dashboard.made import DAYS, table, tables
from tests.pipeline.project import ROOT

# one worker of pytest-xdist runs them all, in one browser
pytestmark = pytest.mark.xdist_group("dashboard")

MONTH = "from=2024-05-01&to=2024-05-31"
CELLS = """
    return [...document.querySelectorAll(arguments[0])].map(row => [...row.cells].map(cell => cell.firstChild.textContent))
"""
TEXTS = "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent)"


def text(browser):
    return browser.find_element("id", "main").text


def cells_of_heat_map(browser, title):
    return browser.execute_script(TEXTS, f"[aria-label='{title}'] .mark-text.role-mark text")


def number(text):
    return int(re.sub(r"\D", "", text))


@pytest.mark.parametrize(
    ("field", "typed", "range_"),
    [("from", "05032024", ("2024-05-03", "2024-05-30")), ("to", "05252024", ("2024-05-20", "2024-05-25"))],
)
def test_a_date_typed_by_keyboard_is_taken_as_it_is_typed(browser, made, field, typed, range_):
    open_page(browser, made, "page=overview&from=2024-05-20&to=2024-05-30")
    browser.find_element("id", field).send_keys(typed + Keys.TAB)
    wait_until_drawn(browser)
    dates = browser.execute_script("return ['from', 'to'].map(field => document.getElementById(field).value)")
    assert tuple(dates) == range_
    assert "from={}&to={}".format(*range_) in browser.current_url


def test_back_shows_the_page_before(browser, made):
    open_page(browser, made, "page=overview")
    for name in ("broadcasts", "data"):
        browser.find_element("css selector", f"[data-page={name}]").click()
        wait_until_drawn(browser)
    for name in ("broadcasts", "overview"):
        browser.back()
        wait_until_drawn(browser)
        assert browser.execute_script("return document.body.dataset.ready") == name
        assert f"page={name}" in browser.current_url


@pytest.mark.parametrize(("start", "end"), [("2024-05-01", "2024-05-31"), ("2024-05-10", "2024-05-10")])
def test_what_is_shown_of_the_base_adds_up_in_every_range(browser, made, start, end):
    open_page(browser, made, f"page=overview&from={start}&to={end}")
    start_, *moved, end_ = browser.execute_script(TEXTS, ".part b")
    assert all(each[0] in "+−" for each in moved)
    change = sum(number(each) * (1 if each[0] == "+" else -1) for each in moved)
    assert number(start_) + change == number(end_)
    grown, new, back, lost = map(number, re.findall(r"\d+ (?:more|new|back|lost)", text(browser)))
    assert (grown, new + back - lost) == (change, change)
    assert ("4 May 2024 (2.0)" in text(browser)) == (start == "2024-05-01")


def test_platforms_add_up_to_the_cards(browser, made):
    open_page(browser, made, f"page=overview&{MONTH}")
    rows = browser.execute_script(CELLS, "#platforms tbody tr")
    cards = browser.execute_script(
        "return [...document.querySelectorAll('.card')].map(card => [card.dataset.card, card.querySelector('.value').textContent])"
    )
    assert len(rows) == 4
    shown = {name: total for name, *_, total in rows}
    assert {name: shown[name] for name, _ in cards if "a day" not in name} == {
        name: value for name, value in cards if "a day" not in name
    }
    assert shown["Active users"] == "310"
    assert {
        number(facebook) + number(instagram) - number(total) for _, facebook, instagram, total in rows
    } == {0}


def test_moves_by_step_and_by_day_are_the_same_moves(browser, made):
    open_page(browser, made, f"page=journeys&{MONTH}")
    by_step = sum(number("0" + cell) for cell in cells_of_heat_map(browser, "From step to step"))
    by_day = browser.execute_script(
        "document.querySelector(\"[aria-label='Up and down'] details\").open = true;"
        f"return new Promise(done => setTimeout(() => done((() => {{ {CELLS} }})()), 100))".replace(
            "arguments[0]", "\"[aria-label='Up and down'] details tbody tr\""
        )
    )
    assert sum(number(cells[2]) for cells in by_day) == by_step == 12


def test_in_short_it_is_said_whether_we_grow_and_whether_the_last_broadcast_was_better(browser, made):
    open_page(browser, made, f"page=overview&{MONTH}")
    growing, broadcast, look = browser.execute_script(
        "return [...document.querySelectorAll('#short dd')].map(each => each.firstChild.textContent)"
    )
    assert growing == (
        "30 more reachable users from 1 May 2024 to 31 May 2024: 90 new, 60 back, 120 lost."
        " At the pace of the last 3 whole weeks: 7 fewer a week."
    )
    assert broadcast == (
        "That of 28 May 2024, after 2 days: opened by 26.0 %, usual are 30.0 %; clicked by 9.0 %, usual are 8.0 %."
    )
    assert look == (
        "Blocked on 29 May 2024: 40 users, where 0.5 to 19.5 were to be expected. It is the farthest off of 2."
    )


def test_a_question_mark_tells_what_a_number_means_in_the_words_of_its_column(browser, made):
    open_page(browser, made, f"page=overview&{MONTH}")
    told = browser.find_element("id", "meaning")
    for asked, words in (
        ("[data-part=reachable_blocked]", "Users who <b>blocked</b> the bot."),
        ("[data-card=Blocked]", "Blocked it."),
        ("[data-card=Unsubscribed]", "Users of any KPI."),
    ):
        browser.find_element("css selector", f"{asked} .why").click()
        assert told.text == words
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not told.is_displayed()


def test_what_is_unusual_and_the_last_broadcasts_at_equal_age_are_told(browser, made):
    open_page(browser, made, f"page=overview&{MONTH}")
    assert browser.execute_script(CELLS, "#unusual tbody tr") == [
        ["29 May 2024", "Blocked", "40", "0.5 to 19.5", "▲ 9.5", "Come"],
        ["21 May 2024", "Active users", "0", "20 to 60", "▼ 6.3", "none in the two days before"],
    ]
    assert browser.execute_script(CELLS, "#last-broadcasts tbody tr") == [
        ["28 May 2024", "Come", "2 days", "26.0 %", "▼ 4.0 points", "9.0 %", "▲ 1.0 points"],
        ["10 May 2024", "=1+1", "2 days", "30.0 %", "–", "8.0 %", "–"],
    ]


def test_a_broadcast_older_than_the_pulls_is_not_called_young(browser, save):
    told = tables()
    told["ages"] |= {
        "broadcast_key": ["b1", "b2"], "age_days": [7, 1], "is_mature": [True, False], "open_rate": [None, None]
    }  # fmt: skip
    told["ages"] = {name: values[:2] for name, values in told["ages"].items()}
    open_page(browser, save(told), f"page=overview&{MONTH}")
    cells = browser.execute_script(CELLS, "#last-broadcasts tbody tr")
    assert [row[2] for row in cells] == ["not a day old", "no pull in time"]


def test_a_broadcast_has_a_page_at_an_address_of_its_own(browser, made):
    open_page(browser, made, f"page=broadcasts&{MONTH}&broadcast=b2")
    assert "Not over: counts until 4 Jun 2024, 17:10 UTC." in text(browser)
    assert "Grey: it is not so old yet; 3 days on 31 May 2024, 17:10 UTC" in text(browser)
    outcomes = browser.execute_script(CELLS, "#outcomes tbody tr")
    assert outcomes[:2] == [["Seen", "< 10", "left out"], ["Active", "99", "10.0 %"]]
    browser.find_element("id", "all-broadcasts").click()
    wait_until_drawn(browser)
    browser.find_element("css selector", "#broadcasts tr[data-key=b1] a").click()
    wait_until_drawn(browser)
    assert "broadcast=b1" in browser.current_url
    assert "Broadcast of 10 May 2024" in text(browser)
    browser.back()
    wait_until_drawn(browser)
    assert browser.find_elements("id", "broadcasts")


def test_a_week_that_is_not_over_is_hollow_and_one_seen_in_part_is_marked(browser, made):
    open_page(browser, made, f"page=journeys&{MONTH}")
    assert sorted(cells_of_heat_map(browser, "Cohorts")) == ["100 %", "70 %", "90 %", "left out"]
    hollow = "[aria-label='Cohorts'] .mark-rect path[stroke-dasharray]"
    assert len(browser.find_elements("css selector", hollow)) == 2
    assert "Hollow: the week is not over, and counts until 2 Jun 2024." in text(browser)
    assert "22 Apr 2024 *" in text(browser)


def test_groups_left_out_are_no_zero(browser, made):
    open_page(browser, made, f"page=journeys&{MONTH}")
    cells = cells_of_heat_map(browser, "From step to step")
    assert sorted(cell for cell in cells if cell != "0") == ["12+", "left out"]
    assert (
        "Left out, and in no sum: 2 groups of fewer than 10 users. A cross stands where some were."
        in text(browser)
    )
    open_page(browser, made, f"page=broadcasts&{MONTH}")
    phones = browser.execute_script(TEXTS, "#broadcasts td[data-field=followed_by_phone_numbers]")
    assert phones == ["< 10", "20"]


def test_a_broadcast_whose_window_is_not_over_is_shown_as_unfinished(browser, made):
    open_page(browser, made, f"page=broadcasts&{MONTH}")
    sent = browser.execute_script(TEXTS, "#broadcasts td[data-field=sent_at]")
    assert sorted(sent) == ["10 May 2024", "28 May 2024 · so far, until 4 Jun 2024"]
    points = browser.execute_script(
        "return [...document.querySelectorAll('.mark-symbol path[aria-label]')].map(point =>"
        " [point.getAttribute('aria-label').match(/State: ([a-z ]+)/)[1], point.getAttribute('fill')])"
    )
    card = re.search(r"--card: (#\w{6})", (ROOT / "dashboard" / "page.css").read_text())[1]
    assert {state: {fill == card for s, fill in points if s == state} for state, _ in points} == {
        "final": {False},
        "so far": {True},
    }


def test_the_head_names_the_last_pull_and_whose_days_are_shown(browser, made):
    open_page(browser, made, "page=overview")
    shown = browser.find_element("id", "as-of").text
    assert shown == "The campaign: last pull 31 May 2024, 07:30 UTC; days are those of Europe/Berlin"


def test_after_the_first_pull_the_page_says_why_it_is_empty(browser, save):
    one = tables()
    one |= {
        name: table(list(one[name])) for name in ("kpis", "base", "ages", "unusual", "broadcasts", "pace")
    }
    one["pulls"] = {name: values[:1] for name, values in one["pulls"].items()}
    open_page(browser, save(one), "page=overview")
    assert "No KPI yet: one pull is the state to begin with" in text(browser)
    assert browser.find_elements("css selector", ".card, #short dd") == []


def test_after_a_gap_of_a_year_its_change_is_marked_as_that_of_many_days(browser, save):
    late = tables()
    base = late["base"]
    base["date"][3:] = [f"2025{day[4:]}" for day in DAYS[3:]]
    base["window_days"][3] = 366.0
    late["kpis"]["date"] = base["date"] * (len(late["kpis"]["date"]) // len(DAYS))
    page = save(late)
    open_page(browser, page, "page=overview&from=2025-05-01&to=2025-05-31")
    assert "Days that stand for more or less than one day: 4 May 2025 (366.0)." in text(browser)
    assert "Hollow bars stand for more or less than the others." in text(browser)
    notes = browser.execute_script(
        "return [...document.querySelectorAll(\"[aria-label='Came and went'] .mark-rect path\")].map(bar =>"
        " [bar.getAttribute('aria-label').includes('366.0 days'), bar.getAttribute('fill')])"
    )
    hollow = {fill for is_long, fill in notes if is_long}
    assert len(hollow) == 1
    assert hollow.isdisjoint(fill for is_long, fill in notes if not is_long)
    open_page(browser, page, "page=overview&from=2025-04-20&to=2025-05-31")
    assert "no full period before" in text(browser)


SAVED = """
    return new Promise(done => {
        const saved = [];
        const each = [...document.querySelectorAll('details')];
        each.forEach(details => { details.open = true; });
        setTimeout(() => {
            const panels = [...document.querySelectorAll('.panel')].filter(panel => panel.querySelector('.chart, table'));
            done(panels.map(panel => [panel.getAttribute('aria-label'), panel.querySelectorAll('.csv').length,
                panel.querySelectorAll('tbody tr').length]));
        }, 100);
    });
"""


@pytest.mark.parametrize("name", ["overview", "broadcasts", "broadcasts&broadcast=b2", "journeys", "data"])
def test_every_chart_and_every_table_can_be_saved_and_every_chart_is_a_table_too(browser, made, name):
    open_page(browser, made, f"page={name}&{MONTH}")
    panels = browser.execute_script(SAVED)
    assert len(panels) >= 2
    assert [(title, files, rows) for title, files, rows in panels if files != 1 or not rows] == []


def test_a_text_that_begins_like_a_formula_stays_a_text_in_the_csv(browser, made):
    open_page(browser, made, f"page=broadcasts&{MONTH}")
    saved = browser.execute_script(
        "return new Promise(done => {"
        " URL.createObjectURL = (blob) => { blob.text().then(done); return 'data:,'; };"
        " HTMLAnchorElement.prototype.click = () => {};"
        " const details = document.querySelector('details'); details.open = true;"
        " setTimeout(() => details.querySelector('.csv').click(), 100); })"
    )
    assert saved.splitlines()[1] == '"10 May 2024","Opened","0.5","1000","final","\'=1+1"'
