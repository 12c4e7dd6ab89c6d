"""The browser that the dashboard and the docs site are opened in."""

from __future__ import annotations

import os

import pytest

from dashboard.browser import is_installed


@pytest.fixture(scope="session")
def chromium_is_there():
    """Where people work the browser may be missing; CI never goes without these tests."""
    missing = "There is no Chromium. To test the pages: apt-get install chromium chromium-driver"
    if not is_installed() and os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    if not is_installed():
        pytest.skip(missing)
