"""The browser that the dashboard and the docs site are opened in."""

from __future__ import annotations

import os

import pytest

from dashboard.browser import is_installed


@pytest.fixture(scope="session")
def chromium_is_there():
    """Where people work the browser may be missing; CI installs it and never goes without these tests."""
    if not (is_installed() or os.environ.get("CI")):
        pytest.skip("There is no Chromium. To test the pages: apt-get install chromium chromium-driver")
