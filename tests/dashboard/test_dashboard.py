"""The dashboard, in a real browser: its numbers are those of the tables, and what is in them is text."""

from __future__ import annotations

import os
import re
from functools import partial
from unittest.mock import patch

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from dashboard import build
from dashboard.browser import open_page, wait_until_drawn
from tests.dashboard.bot import MARKUP, SECRET_ID
from tests.pipeline.project import ROOT

# one worker of pytest-xdist runs them all, on one build
pytestmark = pytest.mark.xdist_group("dashboard")


def query_all(project, *options):
    """What the queries of the dashboard give on a project's warehouse."""
    os.environ["CHATFUEL_DUCKDB_PATH"] = str(project.path)
    folders = {
        "project-dir": ROOT,
        "profiles-dir": ROOT,
        "target-path": project.target_path,
        "log-path": project.target_path,
    }
    command = [*options, *(text for name, path in folders.items() for text in (f"--{name}", str(path)))]
    # what is parsed already need not be parsed again, for each of the options anew
    with patch("dashboard.build.dbtRunner", partial(dbtRunner, project.manifest(None))):
        try:
            return build.query_all(*command)
        finally:
            DuckDBConnectionManager.close_all_connections()


@pytest.fixture(scope="module")
def tables(project):
    """What the queries of the dashboard give."""
    return query_all(project)


@pytest.fixture(scope="module")
def file(tables, save):
    return save(tables)


def cards(browser):
    """The number on each card, as text."""
    return browser.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('.card')].map("
        "card => [card.dataset.card, card.querySelector('.value').textContent]))"
    )


def column(browser, field):
    return browser.execute_script(
        "return [...document.querySelectorAll(`#broadcasts td[data-field='${arguments[0]}']`)].map(cell => cell.textContent)",
        field,
    )


def expected_cards(project, start, end):
    def total(kpi, expression="sum(users)"):
        ((value,),) = project.query(
            f"select round({expression}) from chatfuel.fct_chatfuel__daily_kpi_values "
            f"where kpi = '{kpi}' and platform = 'all' and date between '{start}' and '{end}'"
        )
        return "–" if value is None else f"{value:,.0f}"

    return {
        "New subscribers": total("new_subscribers"),
        "Active users a day": total("active_users", "avg(users)"),
        "Blocked": total("blocked"),
        "Unsubscribed": total("unsubscribed"),
        "Phone numbers": total("phone_numbers"),
        "E-mails": total("emails"),
    }


@pytest.mark.parametrize(
    ("start", "end"),
    [("2024-05-01", "2024-06-08"), ("2024-05-20", "2024-05-26"), ("2024-05-10", "2024-05-10")],
)
def test_the_cards_are_what_sql_says_for_any_range(browser, file, project, start, end):
    open_page(browser, file, f"page=overview&from={start}&to={end}")
    assert cards(browser) == expected_cards(project, start, end)


def test_a_change_of_the_dates_changes_the_cards_and_the_link(browser, file, project):
    open_page(browser, file, "page=overview")
    browser.execute_script(
        "for (const [id, day] of [['from', '2024-05-03'], ['to', '2024-05-25']]) {"
        "const input = document.getElementById(id); input.value = day; input.dispatchEvent(new Event('change')); }"
    )
    wait_until_drawn(browser)
    assert cards(browser) == expected_cards(project, "2024-05-03", "2024-05-25")
    assert "from=2024-05-03&to=2024-05-25" in browser.current_url


def test_a_card_compares_with_the_days_just_before(browser, file, project):
    open_page(browser, file, "page=overview&from=2024-05-20&to=2024-05-26")
    changes = browser.execute_script(
        "return [...document.querySelectorAll('.card .change')].map(change => change.textContent)"
    )
    before = expected_cards(project, "2024-05-13", "2024-05-19")
    assert len(changes) == len(before)
    for change, (name, value) in zip(changes, before.items(), strict=True):
        assert change == "no change" if value == "0" else change.endswith(f"from {value}"), name


def test_broadcasts_show_counters_rates_and_what_followed(browser, file, project):
    open_page(browser, file, "page=broadcasts&from=2024-05-01&to=2024-06-08")
    rows = project.query(
        "select recipients, open_rate, followed_by_active_users, followed_by_moved_up, followed_by_blocked "
        "from chatfuel.fct_chatfuel__broadcasts order by sent_at desc"
    )
    assert len(rows) == 3
    for position, field in enumerate(
        ["recipients", "open_rate", "followed_by_active_users", "followed_by_moved_up", "followed_by_blocked"]
    ):
        values = [row[position] for row in rows]
        if field == "open_rate":
            assert column(browser, field) == [f"{100 * value:.1f} %" for value in values]
        else:
            assert column(browser, field) == [f"{value:,}" for value in values]
    assert sum(row[2] for row in rows) > 0


def test_search_and_sort_choose_and_order_the_broadcasts(browser, file):
    open_page(browser, file, "page=broadcasts&from=2024-05-01&to=2024-06-08")
    browser.find_element("css selector", "[data-sort=open_rate]").click()
    rates = [float(text.rstrip(" %")) for text in column(browser, "open_rate")]
    assert rates == sorted(rates, reverse=True)
    browser.find_element("id", "search").send_keys("zebras")
    assert column(browser, "sent_at") == ["21 May 2024"]
    assert browser.find_element("id", "shown").text == "1 of 3"


def test_markup_in_a_message_is_text(browser, file):
    open_page(browser, file, "page=broadcasts&from=2024-05-01&to=2024-06-08")
    shown = browser.execute_script("return document.querySelector('#broadcasts').textContent")
    assert MARKUP in shown
    assert browser.title == "Chatfuel dashboard"
    assert browser.execute_script("return document.querySelectorAll('main img').length") == 0


def test_transitions_on_the_page_are_those_of_the_table(browser, file, project):
    open_page(browser, file, "page=journeys&from=2024-05-10&to=2024-05-25")
    shown = browser.execute_script(
        "return [...document.querySelectorAll('[aria-label=\"From step to step\"] .mark-text.role-mark text')]"
        ".reduce((sum, cell) => sum + Number(cell.textContent.replace(',', '')), 0)"
    )
    ((moves,),) = project.query(
        "select sum(users)::int from chatfuel.rpt_chatfuel__engagement_transitions "
        "where date between '2024-05-10' and '2024-05-25'"
    )
    assert shown == moves > 0


def test_gaps_are_counted_and_no_line_is_drawn_over_them(browser, file, project):
    open_page(browser, file, "page=data&from=2024-05-01&to=2024-06-08")
    ((gaps,),) = project.query("select count(*) from chatfuel.rpt_chatfuel__daily_kpis where pull_count = 0")
    assert cards(browser)["Days without a pull"] == str(gaps) != "0"
    open_page(browser, file, "page=overview&from=2024-05-01&to=2024-06-08")
    path = browser.execute_script(
        "return document.querySelector('.card[data-card=\"Active users a day\"] path').getAttribute('d')"
    )
    assert path.count("M") > 1


def test_a_range_without_data_says_so(browser, file):
    open_page(browser, file, "page=broadcasts&from=2030-01-01&to=2030-01-02")
    text = browser.find_element("id", "main").text
    assert "Nothing in this range." in text
    assert "No broadcast in this range." in text


def test_a_page_without_any_pull_says_so(browser, tables, save):
    empty = {
        name: {key: values if name == "settings" else [] for key, values in table.items()}
        for name, table in tables.items()
    }
    page = save(empty)
    for name in ("overview", "broadcasts", "journeys", "data"):
        open_page(browser, page, f"page={name}")
        assert re.search(
            r"No KPI yet|No broadcast|Nothing in|No pull yet", browser.find_element("id", "main").text
        )


def test_the_pages_can_be_turned_with_the_keyboard(browser, file):
    open_page(browser, file, "page=overview")
    button = browser.find_element("css selector", "[data-page=journeys]")
    button.send_keys("\n")
    wait_until_drawn(browser)
    assert "page=journeys" in browser.current_url
    assert browser.switch_to.active_element.get_attribute("data-page") == "journeys"


def test_a_second_bot_has_its_own_numbers(browser, tables, save):
    doubled = {name: dict(table) for name, table in tables.items()}
    doubled["pulls"] = {key: values + values for key, values in tables["pulls"].items()}
    doubled["pulls"]["bot_id"] = tables["pulls"]["bot_id"] + ["bot_b"] * len(tables["pulls"]["bot_id"])
    page = save(doubled)
    open_page(browser, page, "page=overview&bot=bot_b")
    assert "No KPI yet" in browser.find_element("id", "main").text
    open_page(browser, page, "page=overview&bot=bot_a")
    assert cards(browser)["New subscribers"] != "–"


def test_two_builds_are_the_same_bytes(file, tables, project):
    again = query_all(project)
    assert build.page(again) == file.read_text(encoding="utf-8")


def test_nothing_of_a_user_is_in_the_file(file):
    html = file.read_text(encoding="utf-8")
    assert SECRET_ID not in html
    assert "Wilhelmina" not in html


def test_the_file_weighs_less_than_two_megabytes(file):
    assert file.stat().st_size < 2_000_000


def test_small_groups_are_left_out_if_asked(project):
    tables = query_all(project, "--vars", "{chatfuel_dashboard_min_group: 10}")
    for name, prefix in (("transitions", "users"), ("broadcasts", "followed_by_"), ("cohorts", "seen_users")):
        numbers = [
            value for field in tables[name] if field.startswith(prefix) for value in tables[name][field]
        ]
        assert None in numbers, name
        assert [value for value in numbers if value is not None and 0 < value < 10] == [], name


UNDEFINED = """
    document.querySelectorAll('details').forEach(details => { details.open = true; });
    return new Promise(done => setTimeout(() => {
        const isNumber = text => /\\d|^–$/.test(text) && !/\\d{4}/.test(text);
        const columns = [...document.querySelectorAll('th')].filter(head => head.textContent !== 'Message' &&
            [...head.closest('table').querySelectorAll(`tbody td:nth-child(${head.cellIndex + 1}):not(.text)`)]
                .some(cell => isNumber(cell.textContent)));
        const asked = [...document.querySelectorAll('.card, .part, #short dd'),
            ...[...document.querySelectorAll('.chart')].map(chart => chart.closest('.panel').querySelector('h2')), ...columns];
        done([asked.length, asked.filter(each => !each.querySelector('.why')?.title).map(each => each.textContent)]);
    }, 200));
"""


@pytest.mark.parametrize("name", ["overview", "broadcasts", "journeys", "data", "one"])
def test_no_number_is_without_its_definition(browser, file, tables, name):
    one = f"broadcasts&broadcast={tables['broadcasts']['broadcast_key'][0]}"
    open_page(browser, file, f"page={one if name == 'one' else name}&from=2024-05-01&to=2024-06-08")
    numbers, undefined = browser.execute_script(UNDEFINED)
    assert numbers > 8
    assert undefined == []
