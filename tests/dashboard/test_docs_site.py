"""The docs site, one file, in a real browser without a network."""

from __future__ import annotations

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from dashboard.browser import READY_SECONDS, chromium

pytestmark = pytest.mark.xdist_group("dashboard")


@pytest.fixture(scope="module")
def site(chromium_is_there, project):
    """Its address, and a browser without a network."""
    project.dbt("docs", "generate", "--static")
    with chromium() as chrome:
        chrome.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )
        yield (project.target_path / "static_index.html").as_uri(), chrome


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("overview/chatfuel", "Chatfuel shows what every subscriber is now"),
        ("model/model.chatfuel.fct_chatfuel__user_events", "observed_after"),
        ("exposure/exposure.chatfuel.chatfuel_dashboard", "One HTML file for stakeholders"),
    ],
)
def test_the_site_shows_what_analysts_look_for_and_asks_no_network(site, place, words):
    address, chrome = site
    chrome.get(f"{address}#!/{place}")
    WebDriverWait(chrome, READY_SECONDS).until(
        lambda driver: words in driver.find_element("css selector", ".app-content, body").text
    )
    asked = chrome.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [address for address in asked if address.startswith("http")] == []
