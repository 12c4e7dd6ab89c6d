"""``make screenshots``: every view of the demo's dashboard at both widths, one printed, the lineage."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from selenium.webdriver.support.ui import WebDriverWait

from dashboard.browser import READY_SECONDS, chromium, open_page
from dashboard.build import OUTPUT

PICTURES = Path("docs/pictures")
# the README shows some of them, so only those are kept in git
VIEWS = Path("data/pictures")
WIDTHS = {"wide": (1280, 900), "phone": (360, 780)}
A_BROADCAST = "return document.querySelector('#broadcasts tr[data-key]').dataset.key"


def main() -> int:
    """Take the pictures.

    Returns:
        The exit code, 0.
    """
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, page, dark in (
        ("overview", "overview", False),
        ("broadcasts", "broadcasts", False),
        ("journeys", "journeys", True),
    ):
        with chromium(1180, 860, dark=dark) as chrome:
            open_page(chrome, OUTPUT, f"page={page}&from=2024-06-09&to=2024-06-22")
            chrome.save_screenshot(str(PICTURES / f"{name}.png"))
    VIEWS.mkdir(parents=True, exist_ok=True)
    with chromium() as chrome:
        open_page(chrome, OUTPUT, "page=broadcasts")
        key = chrome.execute_script(A_BROADCAST)
        addresses = {name: f"page={name}" for name in ("overview", "broadcasts", "journeys", "data")}
        addresses["one_broadcast"] = f"page=broadcasts&broadcast={key}"
        for width, (across, down) in WIDTHS.items():
            metrics = {"width": across, "height": down, "deviceScaleFactor": 1, "mobile": width == "phone"}
            chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            for name, address in addresses.items():
                open_page(chrome, OUTPUT, address)
                picture = chrome.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                (VIEWS / f"{name}_{width}.png").write_bytes(base64.b64decode(picture["data"]))
        chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        open_page(chrome, OUTPUT, addresses["overview"])
        on_paper = {"preferCSSPageSize": True, "printBackground": True}
        paper = chrome.execute_cdp_cmd("Page.printToPDF", on_paper)
        (VIEWS / "overview.pdf").write_bytes(base64.b64decode(paper["data"]))
    with chromium(1400, 800) as chrome:
        chrome.get(
            Path("target/site/static_index.html").resolve().as_uri()
            + "#!/overview?g_v=1&g_i=%2Bexposure:chatfuel_dashboard"
        )
        WebDriverWait(chrome, READY_SECONDS).until(
            lambda driver: driver.execute_script(
                "return document.querySelectorAll('.cy canvas, canvas').length > 0"
            )
        )
        chrome.execute_script("return new Promise(done => setTimeout(done, 1500))")
        chrome.save_screenshot(str(PICTURES / "lineage.png"))
    for picture in sorted([*PICTURES.glob("*.png"), *VIEWS.iterdir()]):
        print(f"{picture}: {picture.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
