"""The pages of a subject and of the group in headless Chromium: from disk, without a network."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spineps_nipype.workflows.cli import main

from ..workflows.stored_dataset import LEVELS, ODD, Stored
from .browser import opened
from .small_page import two_vertebrae

pytestmark = pytest.mark.e2e


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    return two_vertebrae(tmp_path)


def test_everything_is_text_and_local(page_file: Path) -> None:
    text = page_file.read_text()
    assert "&lt;it&gt; is no image" in text
    assert set(re.findall(r"https?://[^/\"<]*", text.partition("<script>")[0])) <= {
        "https://doi.org"
    }
    assert (page_file.parent / "assets" / "niivue.umd.js").is_file()
    for row in ("L1", "L2", "semantic mask", "Anterior body height"):
        assert row in text


def test_in_a_browser(page_file: Path) -> None:
    """The viewer draws and names what is under the cursor, and a rating is saved."""
    with opened(page_file) as page:
        page.click(".open")
        page.wait_for_selector("section[data-viewer=open]")
        page.select_option(".view", "2")
        canvas = page.locator("canvas").first
        canvas.scroll_into_view_if_needed()
        half = colours(canvas.screenshot())
        names = under_the_cursor(page, canvas.bounding_box())
        page.locator(".opacity").fill("0")
        none = colours(canvas.screenshot())
        form = page.locator("form.rating").first
        form.locator("[value=look]").check()
        form.locator("textarea").fill("one level off")
        with page.expect_download() as download:
            form.locator("button").click()
        rating = json.loads(Path(download.value.path()).read_text())
        name = download.value.suggested_filename
    assert name == "x_rating.json"
    assert (rating["scan"], rating["rating"], rating["comment"]) == ("x", "look", "one level off")
    assert {"", "L1", "L2"} <= names
    grey, tinted = shares(half)
    assert grey > 0.3, "the mask tints what it does not cover"
    assert tinted > 0.1
    assert shares(none)[1] < 0.02, "the mask is still there at no opacity"


def under_the_cursor(page: Any, box: dict[str, float]) -> set[str]:
    """What the page says under a grid of places."""
    found = set()
    for i in range(1, 30, 2):
        for j in range(1, 20, 3):
            page.mouse.move(box["x"] + box["width"] * i / 30, box["y"] + box["height"] * j / 20)
            found.add(page.locator(".under").first.text_content())
    return found


def colours(png: bytes) -> NDArray[np.int64]:
    with Image.open(io.BytesIO(png)) as drawn:
        return np.asarray(drawn.convert("RGB")).reshape(-1, 3).astype(int)


def shares(pixels: NDArray[np.int64]) -> tuple[float, float]:
    """Share of grey and of coloured pixels among those that are not black."""
    seen = pixels[pixels.max(axis=1) > 30]
    apart = seen.max(axis=1) - seen.min(axis=1)
    return float((apart < 8).mean()), float((apart > 30).mean())


def test_the_group_in_a_browser(tmp_path: Path) -> None:
    """The table sorts by number and word, is filtered, and can be used by keyboard."""
    stored = Stored(tmp_path, subjects=11)
    stored.rate("r.json", scan="sub-1_T2w", rating="fail", reader="Ann")
    assert main([str(stored.bids), str(stored.out), "group", "--reports-only"]) == 0

    def scans(page: Any) -> list[str]:
        return page.locator("#table tbody tr:visible").evaluate_all(
            "rows => rows.map(row => row.dataset.scan)"
        )

    in_order = [f"sub-{i}_T2w" for i in range(11)]
    with opened(stored.out / "group.html") as page:
        heading = page.get_by_role("button", name="Disc height (mm)")
        heading.click()
        up, state = scans(page), heading.locator("..").get_attribute("aria-sort")
        heading.press("Enter")
        down = scans(page)
        page.get_by_role("button", name="Scan", exact=True).press("Enter")
        by_name = scans(page)
        page.get_by_label("Name contains").fill("sub-1")
        some = scans(page)
        page.get_by_label("Name contains").fill("")
        page.get_by_role("radio", name="none 1").check()
        unchecked, said = scans(page), page.locator("#said").text_content()
        page.get_by_role("radio", name="all 11").check()
        pictures = page.locator("#table img").count()
        far = page.locator("#disc_height a:has(circle.far)")
        marked = far.evaluate_all("all => all.map(a => [a.getAttribute('href'), a.ariaLabel])")
        fills = page.locator("circle.far, rect.box").evaluate_all(
            "all => all.map(e => e.className.baseVal + getComputedStyle(e).fill)"
        )
        page.locator("#disc_height summary").click()
        told = page.locator("#disc_height details tbody tr:visible").count()
        page.locator("#table a").first.click()
        subject = page.title()
    assert up == [*in_order[1:10], in_order[0], in_order[10]], "the scan without a value is last"
    assert state == "ascending"
    assert down == [in_order[0], *in_order[9:0:-1], in_order[10]]
    assert by_name == in_order
    assert some == ["sub-1_T2w", "sub-10_T2w"]
    assert (unchecked, said) == (["sub-10_T2w"], "1 of 11 scans")
    assert pictures == 10
    # The outlier of each level is marked in a colour of its own, is named, and leads to its scan.
    assert [place for place, _ in marked] == ["sub-0.html#sub-0_T2w"] * len(LEVELS)
    assert marked[1][1] == f"sub-0_T2w, L2: {ODD}, far from the others"
    assert len(set(fills)) == 2
    assert told == len(LEVELS)
    assert subject.startswith("sub-0")
