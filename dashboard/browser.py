"""Chromium without a window, for the tests and the screenshots."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

READY_SECONDS = 30


def is_installed() -> bool:
    """Tell whether Chromium and its driver are there."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@contextmanager
def chromium(width: int = 1280, height: int = 900, *, dark: bool = False) -> Iterator[webdriver.Chrome]:
    """Start Chromium with a fresh profile and no network of its own, and stop it in the end.

    Args:
        width: Of the page, in CSS pixels.
        height: Of the page, in CSS pixels.
        dark: Whether the reader prefers dark pages.

    Raises:
        RuntimeError: Chromium or its driver is not installed.
    """
    if not is_installed():
        raise RuntimeError("There is no Chromium. Install it: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--hide-scrollbars",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        yield chrome
    finally:
        chrome.quit()


def open_page(chrome: webdriver.Chrome, file: Path, state: str) -> None:
    """Open the dashboard in a state, as ``page=data&from=2024-06-01``, and wait until it is drawn."""
    chrome.get("about:blank")
    chrome.get(f"{file.resolve().as_uri()}#{state}")
    wait_until_drawn(chrome)


def wait_until_drawn(chrome: webdriver.Chrome) -> None:
    """Wait until every chart of the page is drawn."""
    WebDriverWait(chrome, READY_SECONDS, 0.05).until(
        lambda driver: driver.execute_script("return document.body.dataset.ready")
    )
