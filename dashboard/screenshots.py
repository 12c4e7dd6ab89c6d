"""``make screenshots``: every view of the demo's dashboard at both widths, and one printed."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from dashboard.browser import chromium, open_page
from dashboard.build import OUTPUT

# to look at
VIEWS = Path("data/pictures")
# what README and docs show: the top of two views
PICTURES = Path("docs/pictures")
KEPT = {"overview": 900, "one_broadcast": 930}
WIDTHS = {"wide": (1280, 900), "phone": (360, 780)}
# the newest that is a week old, so that its curve is whole
A_BROADCAST = """
    const rows = [...document.querySelectorAll('#broadcasts tr[data-key]')];
    return (rows.find(row => !row.cells[0].textContent.includes('so far')) ?? rows[0]).dataset.key;
"""


def main() -> int:
    """Take the pictures.

    Returns:
        The exit code, 0.
    """
    VIEWS.mkdir(parents=True, exist_ok=True)
    with chromium() as chrome:
        open_page(chrome, OUTPUT, "page=broadcasts&from=2000-01-01")
        key = chrome.execute_script(A_BROADCAST)
        addresses = {name: f"page={name}" for name in ("overview", "broadcasts", "journeys", "data")}
        addresses["one_broadcast"] = f"page=broadcasts&broadcast={key}"
        for width, (across, down) in WIDTHS.items():
            metrics = {"width": across, "height": down, "deviceScaleFactor": 1, "mobile": width == "phone"}
            chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            for name, address in addresses.items():
                open_page(chrome, OUTPUT, address)
                picture = chrome.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                _write(VIEWS / f"{name}_{width}.png", picture)
                if width == "wide" and name in KEPT:
                    clip = {"x": 0, "y": 0, "width": across, "height": KEPT[name], "scale": 0.75}
                    picture = chrome.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})
                    _write(PICTURES / f"{name}.png", picture)
        chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        open_page(chrome, OUTPUT, addresses["overview"])
        on_paper = {"preferCSSPageSize": True, "printBackground": True}
        _write(VIEWS / "overview.pdf", chrome.execute_cdp_cmd("Page.printToPDF", on_paper))
    return 0


def _write(path: Path, answer: dict[str, str]) -> None:
    path.write_bytes(base64.b64decode(answer["data"]))
    print(f"{path}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    sys.exit(main())
