"""What readers do with pages in Chromium: bar, pictures, keys, copying, phones, dark mode."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spineps_nipype.reports.group_page import GroupEntry, write_group_page
from spineps_nipype.workflows.cli import main

from ..workflows.stored_dataset import Stored
from .browser import opened
from .small_page import two_vertebrae

pytestmark = pytest.mark.e2e
PAGES = ("group.html", "sub-1.html", "sub-x.html")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page of all scans, of a stored subject, and of one with pictures."""
    stored = Stored(tmp_path_factory.mktemp("pages"), subjects=7)
    stored.rate("r.json", scan="sub-1_T2w", rating="fail", reader="Ann", comment="<odd>")
    assert main([str(stored.bids), str(stored.out), "group", "--reports-only"]) == 0
    two_vertebrae(stored.out)
    return stored.out


def test_the_bar_leads_to_each_part(pages: Path) -> None:
    with opened(pages / "sub-x.html") as page:
        links = page.locator(".bar li a")
        words = links.all_inner_texts()
        tops = []
        for number in range(links.count()):
            links.nth(number).click()
            place = page.evaluate("decodeURIComponent(location.hash.slice(1))")
            there = page.locator(f"[id='{place}']")
            page.wait_for_function(
                """one => { const top = one.getBoundingClientRect().top;
                  const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
                  return top >= 0 && (top < 200 || end); }""",
                arg=there.element_handle(),
            )
            tops.append(place)
        fixed = page.locator(".bar").bounding_box()
        now = page.locator(".bar [aria-current]").all_inner_texts()
    assert words == ["Scans", "Checks", "Metrics", "Methods"]
    assert tops == ["Scans", "checks-x", "metrics-x", "Methods"]
    assert fixed["y"] == 0
    assert now == ["Methods"]


def test_chips_say_the_verdict(pages: Path) -> None:
    with opened(pages / "sub-x.html") as page:
        overview = page.locator("#Scans li").all_inner_texts()
        found = page.locator("[data-part=checks] > .findings li").all_inner_texts()
        chips = page.locator("[data-part=checks] .chip").all_text_contents()
    assert overview[0].split()[0] in ("pass", "look", "fail")
    assert overview[1].split()[:2] == ["error", "<y>"]
    assert any(text.split()[:3] == ["look", "sizes", "L1"] for text in found)
    assert set(chips) <= {"pass", "look", "fail"}


def pixels(picture: Any) -> np.ndarray:
    with Image.open(io.BytesIO(picture.screenshot())) as drawn:
        return np.asarray(drawn.convert("RGB")).astype(int)


def coloured(picture: Any) -> float:
    return float((np.ptp(pixels(picture), axis=2) > 30).mean())


def test_the_slider_shows_the_image_alone(pages: Path) -> None:
    with opened(pages / "sub-x.html") as page:
        picture, slider = page.locator(".panel svg").nth(2), page.locator("input.masks").first
        masks = coloured(picture)
        slider.fill("50")
        half = pixels(picture)
        slider.fill("0")
        alone, plain = coloured(picture), pixels(picture)
        slider.fill("100")
        full = pixels(picture)
        page.get_by_text("structures", exact=True).first.click()
        other = pixels(picture)
    assert masks > 0.1
    assert alone == 0
    assert np.abs(half - (plain + full) / 2).mean() < 3, "half of the way is between both"
    assert np.abs(other - full).mean() > 3, "structures have other colours"


def test_a_click_enlarges_and_keys_move(pages: Path) -> None:
    with opened(pages / "sub-x.html") as page:
        panel, dialog = page.locator(".panel").nth(1), page.locator("dialog")
        titles = [text.strip() for text in page.locator(".panel .title").all_inner_texts()]
        small = panel.locator("svg").bounding_box()
        hidden = dialog.is_visible()
        panel.click()
        large = dialog.locator("svg").bounding_box()
        seen = []
        for key in ("ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
            page.keyboard.press(key)
            seen.append(page.locator("#enlarged-title").inner_text())
        page.keyboard.press("m")
        alone = page.locator("dialog input.masks").input_value()
        page.keyboard.press("ArrowUp")
        some = page.locator(".mosaic input.masks").first.input_value()
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        page.wait_for_function(
            "title => document.activeElement.dataset.title === title", arg=titles[-1]
        )
    last = len(titles)
    places = (2, 1, 0, last - 1)
    assert seen == [f"{titles[n]} ({n + 1} of {last})" for n in places]
    assert not hidden
    assert large["height"] > 1.3 * small["height"]
    assert (alone, some) == ("0", "10"), "both sliders are one"


@pytest.mark.parametrize("name", ["sub-x.html", "group.html"])
def test_the_methods_are_copied_as_text(pages: Path, name: str) -> None:
    with opened(pages / name) as page:
        shown = page.locator("#methods-text").inner_text()
        page.locator("button.copy").click()
        page.get_by_text("Copied.").wait_for()
        page.evaluate("document.body.append(document.createElement('textarea'))")
        field = page.locator("textarea").last
        field.focus()
        page.keyboard.press("Control+V")
        copied = field.input_value()
        if name == "sub-x.html":
            page.locator("a.cite").click()
            cited = page.locator(":target").inner_text()
    assert copied.split() == shown.split()
    assert "#" not in shown.replace("[@", "")
    if name == "sub-x.html":
        assert (
            "The scans <were> segmented with a program [1] and care. Nobody wrote [@this]."
            in shown
        )
        assert cited.startswith("Somebody. A tool.")


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_needs_no_sideways_scrolling(pages: Path, name: str) -> None:
    with opened(pages / name, width=390, touch=True) as page:
        wide = page.evaluate("document.documentElement.scrollWidth")
        page.evaluate("scrollTo(0, 1e6)")
        far = page.evaluate("document.documentElement.scrollLeft")
    assert (wide, far) == (390, 0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_contrast_and_labels(pages: Path, name: str, dark: bool) -> None:
    """Text has the contrast that WCAG AA asks for; pictures and fields have names."""
    with opened(pages / name, dark=dark) as page:
        pairs = page.locator(
            "td, th, a, p, li, small, summary, label, button, legend, caption, h1, .chip"
        ).evaluate_all(COLOURS)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        unnamed = page.locator(
            "img:not([alt]), :is(input, select, textarea):not([aria-label])"
        ).evaluate_all("all => all.filter(e => e.tagName === 'IMG' || !e.labels.length).length")
        language = page.locator("html").get_attribute("lang")
    assert len(pairs) > 20
    assert min(contrast(*pair) for pair in pairs) >= 4.5
    bright = sum(map(int, ground[4:-1].split(",")))
    assert bright < 120 if dark else bright > 640
    assert (unnamed, language) == (0, "en")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(pages: Path, name: str, dark: bool) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    with opened(pages / name, dark=dark) as page:
        if name == "sub-x.html":
            page.locator("summary").last.click()
        found = axe.Axe().run(page).response["violations"]
        if name == "sub-x.html":
            page.locator(".panel").first.click()
            found += axe.Axe().run(page).response["violations"]
    serious = [
        (one["id"], [node["target"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious, json.dumps(serious, indent=1)


def test_values_stand_beside_what_is_usual(pages: Path) -> None:
    """A value above the usual range says so in words too; its range stands below it."""
    with opened(pages / "sub-x.html") as page:
        cell = page.locator(".metrics td", has_text="99.0").first
        said = cell.text_content()
        whose = page.locator("[data-part=metrics] p").text_content()
    assert "above the usual range" in said
    assert "–" in said
    assert "SPIDER" in whose


def test_a_thousand_rows_are_filtered(tmp_path: Path) -> None:
    columns = {key: {"Description": key} for key in ("scan", "status", "verdict", "levels")}
    verdicts = ("pass", "pass", "look", "pass", "fail")
    rows = [
        {
            "scan": f"sub-{n:04d}_T2w",
            "status": "done",
            "verdict": verdicts[n % 5],
            "levels": "L1-L5",
        }
        for n in range(1000)
    ]
    file = write_group_page(tmp_path, [GroupEntry(row) for row in rows], columns, {}, {}, "")
    with opened(file) as page:
        said, visible = page.locator("#said"), page.locator("#table tbody tr:visible")
        first = (said.text_content(), visible.count())
        page.get_by_label("Name contains").fill("sub-04")
        some = (said.text_content(), visible.count())
        page.get_by_role("radio", name="look 200").check()
        both = (said.text_content(), visible.count())
        page.get_by_label("Name contains").fill("nobody")
        none = (said.text_content(), visible.count())
    assert first == ("1000 of 1000 scans", 1000)
    assert some == ("100 of 1000 scans", 100)
    assert both == ("20 of 1000 scans", 20)
    assert none == ("0 of 1000 scans", 0)


COLOURS = """all => all.map(e => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (one) => numbers(getComputedStyle(one).backgroundColor);
  let back = e;
  while (back && behind(back)[3] === 0) back = back.parentElement;
  const colour = numbers(getComputedStyle(e).color).slice(0, 3);
  return [colour, back ? behind(back).slice(0, 3) : [255, 255, 255]];
})"""


def contrast(one: list[float], other: list[float]) -> float:
    """Contrast of two colours as WCAG 2 defines it."""

    def light(colour: list[float]) -> float:
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)
