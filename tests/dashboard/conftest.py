"""The browser that the dashboard and the docs site are opened in."""

from __future__ import annotations

import os
from contextlib import contextmanager

import pytest

from dashboard import build
from dashboard.browser import chromium, is_installed
from tests.dashboard.bot import bot
from tests.dashboard.made import tables
from tests.pipeline.bots import write_pulls
from tests.pipeline.project import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """Forty days of a small bot, built."""
    folder = tmp_path_factory.mktemp("dashboard")
    project = Project(folder / "warehouse.duckdb", folder / "target")
    with project.connect() as connection:
        write_pulls(connection, bot())
    project.build()
    return project


@pytest.fixture(scope="session")
def chromium_is_there():
    """Where people work the browser may be missing; CI never goes without these tests."""
    missing = "There is no Chromium. To test the pages: apt-get install chromium chromium-driver"
    if not is_installed() and os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    if not is_installed():
        pytest.skip(missing)


@pytest.fixture(scope="session")
def browser(chromium_is_there):
    """One for all tests of the page: opened in another state, it is a page that was never there before."""
    with chromium() as chrome:
        yield chrome


@pytest.fixture(autouse=True)
def nothing_in_the_console(request):
    yield
    if "browser" in request.fixturenames:
        assert request.getfixturevalue("browser").get_log("browser") == []


@pytest.fixture(scope="session")
def save(tmp_path_factory):
    """Return a function that makes a page of what the queries would give."""

    def saved(tables):
        path = tmp_path_factory.mktemp("page") / "dashboard.html"
        path.write_text(build.page(tables), encoding="utf-8")
        return path

    return saved


@pytest.fixture(scope="session")
def made(save):
    """A page of made numbers."""
    return save(tables())


@contextmanager
def seen_on(browser, width, height, *, is_phone=False, media="", scheme="light"):
    """Show the page on another screen, on paper, or to a reader who prefers the dark."""

    def show(width, height, is_phone, media, scheme):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})

    show(width, height, is_phone, media, scheme)
    try:
        yield
    finally:
        show(1280, 900, False, "", "light")
