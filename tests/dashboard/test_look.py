"""How the page looks: on a phone, on paper, in the dark, to readers who tell fewer colours apart."""

from __future__ import annotations

import base64
import re
from itertools import combinations

import pytest

from dashboard.browser import open_page
from tests.dashboard.colours import SIGHT, delta_e, lab
from tests.dashboard.conftest import seen_on
from tests.pipeline.project import ROOT

# one worker of pytest-xdist runs them all, in one browser
pytestmark = pytest.mark.xdist_group("dashboard")

MONTH = "from=2024-05-01&to=2024-05-31"
VIEWS = ["overview", "broadcasts", "broadcasts&broadcast=b2", "journeys", "data"]
SCHEMES = ["light", "dark"]


def colours_of(scheme):
    """The colours that the style names, by name."""
    css = (ROOT / "dashboard" / "page.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[: 1 + (scheme == "dark")]
    return dict(re.findall(r"--([\w-]+): (#\w{6})\b", "".join(blocks)))


@pytest.mark.parametrize("name", VIEWS)
def test_a_phone_of_360_pixels_shows_every_page_and_asks_no_network(browser, made, name):
    with seen_on(browser, 360, 780, is_phone=True, scheme="dark"):
        open_page(browser, made, f"page={name}&{MONTH}")
        across = (
            "return [document.documentElement, ...document.querySelectorAll('.chart, .scroll:has(.wide)')]"
        )
        assert (
            browser.execute_script(
                f"{across}.filter(each => each.scrollWidth > Math.max(360, each.clientWidth)).length"
            )
            == 0
        )
        assert browser.execute_script("return document.querySelectorAll('.chart svg').length") > 0
        requested = browser.execute_script(
            "return performance.getEntriesByType('resource').map(entry => entry.name)"
        )
        assert [url for url in requested if not url.startswith("data:")] == []


@pytest.mark.parametrize("name", VIEWS)
def test_nothing_is_cut_on_paper(browser, made, name):
    open_page(browser, made, f"page={name}&{MONTH}")
    # A4 less 12 mm at each side
    with seen_on(browser, 703, 1032, media="print"):
        cut = browser.execute_script(
            "return [...document.querySelectorAll('main *')].filter(each => each.getClientRects().length"
            " && (each.getBoundingClientRect().right > 704"
            "  || getComputedStyle(each).overflow !== 'visible' && each.scrollHeight > each.clientHeight + 1))"
            ".map(each => each.outerHTML.slice(0, 80))"
        )
        assert cut == []
        pdf = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
        assert base64.b64decode(pdf["data"]).startswith(b"%PDF")


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_colours_of_kinds_can_be_told_apart(scheme, sight):
    colours = {name: colour for name, colour in colours_of(scheme).items() if re.fullmatch(r"c\d", name)}
    assert len(colours) == 6
    near = {
        (one, other): delta_e(lab(colours[one], sight), lab(colours[other], sight))
        for one, other in combinations(colours, 2)
    }
    assert {pair: distance for pair, distance in near.items() if distance < 15} == {}


def luminance(text):
    channels = [int(part, 16) / 255 for part in re.findall("..", text.removeprefix("#"))]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    """As WCAG 2 defines it: 4.5 is enough for text, 3 for lines and marks."""
    low, high = sorted(luminance(each) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def in_hex(colour):
    """`rgb(1, 2, 3)`, as Vega writes what it mixed, as `#010203`."""
    return "#" + bytes(map(int, re.findall(r"\d+", colour))).hex() if colour.startswith("rgb") else colour


@pytest.mark.parametrize("scheme", SCHEMES)
def test_texts_and_lines_stand_out_from_what_is_behind_them(scheme):
    colours = colours_of(scheme)
    texts = {
        (text, behind): contrast(colours[text], colours[behind])
        for text in ("ink", "soft", "good", "bad")
        for behind in ("card", "page")
    } | {("ink", "accent-soft"): contrast(colours["ink"], colours["accent-soft"])}
    lines = {name: contrast(colours[name], colours["card"]) for name in ("c1", "c2", "c3", "c4", "c5", "c6")}
    assert {pair: ratio for pair, ratio in texts.items() if ratio < 4.5} == {}
    assert {name: ratio for name, ratio in lines.items() if ratio < 3} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_numbers_in_a_heat_map_can_be_read_on_every_colour(browser, made, scheme):
    with seen_on(browser, 1280, 900, scheme=scheme):
        open_page(browser, made, f"page=journeys&{MONTH}")
        texts = browser.execute_script(
            """
            return [...document.querySelectorAll('.panel')].flatMap(panel => {
                const middle = mark => {
                    const { left, right, top, bottom } = mark.getBoundingClientRect();
                    return [(left + right) / 2, (top + bottom) / 2];
                };
                const filled = [...panel.querySelectorAll('.mark-rect path')].filter(rect => rect.getAttribute('fill') !== 'transparent');
                return [...panel.querySelectorAll('.mark-text.role-mark text')].map(text => {
                    const [x, y] = middle(text);
                    const behind = filled.find(rect => {
                        const box = rect.getBoundingClientRect();
                        return box.left < x && x < box.right && box.top < y && y < box.bottom;
                    });
                    return [text.textContent, text.getAttribute('fill'), behind?.getAttribute('fill') ?? null];
                });
            });
            """
        )
    assert len(texts) > 20
    card = colours_of(scheme)["card"]
    weak = [text for text in texts if contrast(in_hex(text[1]), in_hex(text[2] or card)) < 4.5]
    assert weak == []
    assert {text for text, _, behind in texts if behind is None} == {"left out", "70 %"}
