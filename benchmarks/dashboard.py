"""Part 6: dashboard and docs site over years of days and hundreds of broadcasts: size, and time until they are drawn."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.daily_build import Warehouse


def build(warehouse: Warehouse) -> dict[str, Any]:
    """Build both pages of a built warehouse; return what each cost."""
    page, docs = warehouse.path.with_name("dashboard.html"), warehouse.target / "static_index.html"
    dashboard = warehouse.run([sys.executable, "-m", "dashboard.build", "--output", str(page)])
    dbt = str(Path(sys.executable).with_name("dbt"))
    site = warehouse.run([dbt, "--quiet", "docs", "generate", "--static"])
    return {
        "dashboard_seconds": dashboard.seconds,
        "dashboard_bytes": page.stat().st_size,
        "docs_seconds": site.seconds,
        "docs_bytes": docs.stat().st_size,
    }


def open_pages(page: str, docs: str) -> dict[str, float]:
    """Open both pages in Chromium; return the seconds until they are drawn, empty where there is no Chromium."""
    from selenium.webdriver.support.ui import WebDriverWait

    from dashboard.browser import READY_SECONDS, chromium, is_installed, open_page

    if not is_installed():
        return {}
    os.environ.setdefault("SE_OFFLINE", "true")
    seconds = {}
    with chromium() as chrome:
        for name in ("overview", "broadcasts", "journeys"):
            started = monotonic()
            open_page(chrome, Path(page), f"page={name}")
            seconds[name] = monotonic() - started
        started = monotonic()
        chrome.get(Path(docs).resolve().as_uri())
        WebDriverWait(chrome, READY_SECONDS, 0.05).until(
            lambda driver: driver.execute_script("return document.querySelectorAll('.app-menu a').length > 0")
        )
        seconds["docs"] = monotonic() - started
    return seconds
