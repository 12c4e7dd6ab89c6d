"""``make screenshots``: the pictures of the README, of the demo's dashboard and lineage."""

from __future__ import annotations

import sys
from pathlib import Path

from selenium.webdriver.support.ui import WebDriverWait

from dashboard.browser import READY_SECONDS, chromium, open_page
from dashboard.build import OUTPUT

PICTURES = Path("docs/pictures")


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
    with chromium(1400, 800) as chrome:
        chrome.get(
            Path("target/site/static_index.html").resolve().as_uri()
            + "#!/overview?g_v=1&g_i=%2Bexposure:dashboard"
        )
        WebDriverWait(chrome, READY_SECONDS).until(
            lambda driver: driver.execute_script(
                "return document.querySelectorAll('.cy canvas, canvas').length > 0"
            )
        )
        chrome.execute_script("return new Promise(done => setTimeout(done, 1500))")
        chrome.save_screenshot(str(PICTURES / "lineage.png"))
    for picture in sorted(PICTURES.glob("*.png")):
        print(f"{picture}: {picture.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
