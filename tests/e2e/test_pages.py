"""The page of a subject in headless Chromium: from disk, without a network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.metrics.checks import check_masks
from spineps_nipype.metrics.columns import COLUMNS
from spineps_nipype.metrics.spine_metrics import look_at, measure_spine
from spineps_nipype.reports.mosaic import draw_mosaic
from spineps_nipype.reports.subject_page import ScanEntry, write_subject_page
from spineps_nipype.reports.viewer import write_volumes

pytestmark = pytest.mark.e2e
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox")
PATIENCE = 120_000


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    spine, vert = np.zeros((40, 60, 20), np.uint8), np.zeros((40, 60, 20), np.uint8)
    for place, v in enumerate((20, 21)):
        box = (slice(10, 25), slice(5 + 26 * place, 23 + 26 * place), slice(4, 16))
        spine[box], vert[box] = 49, v
    spine[28:33, :, 8:12] = 61
    affine = np.array([[0, 0, 2, 0], [-1.5, 0, 0, 0], [0, -1.5, 0, 0], [0, 0, 0, 1.0]])
    grey = np.random.default_rng(0).random(spine.shape).astype(np.float32)
    image = NII.from_numpy(grey, affine, False)
    masks = [NII.from_numpy(a, affine, True) for a in (spine, vert)]
    mosaic = draw_mosaic(image, *masks, tmp_path / "sub-x" / "figures" / "x_mosaic.png")
    volumes = write_volumes(image, *masks, "x", mosaic.with_name("x_volumes.js"))
    scene = look_at(*masks)
    metrics = measure_spine(scene)
    checks = [vars(f) for f in check_masks(scene, metrics, None)]
    entry = ScanEntry(
        "x",
        mosaic=mosaic.relative_to(tmp_path).as_posix(),
        volumes=volumes.relative_to(tmp_path).as_posix(),
        metrics=metrics,
        checks=checks,
        times=[("semantic mask", 3.0)],
    )
    broken = ScanEntry("<y>", error="SHAPE: <it> is no image")
    return write_subject_page(tmp_path, "sub-x", [entry, broken], "Methods <text>", COLUMNS)


def test_everything_is_text_and_local(page_file: Path) -> None:
    text = page_file.read_text()
    assert "&lt;it&gt; is no image" in text
    assert "http" not in text.partition("<script>")[0]
    assert (page_file.parent / "assets" / "niivue.umd.js").is_file()
    for row in ("L1", "L2", "semantic mask", "Anterior body height"):
        assert row in text


def test_in_a_browser(page_file: Path) -> None:
    """The viewer draws, a rating is saved, nothing is asked of a network, nothing goes wrong."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    asked: list[str] = []
    wrong: list[str] = []
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=SOFTWARE_GL, timeout=PATIENCE
        )
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda note: wrong.append(note.text) if note.type == "error" else None)
        page.on("pageerror", lambda fault: wrong.append(str(fault)))
        page.goto(page_file.as_uri())
        page.click(".open")
        page.wait_for_selector("section[data-viewer=open]")
        picture = page.locator("canvas").first.screenshot(path=str(page_file.with_suffix(".png")))
        form = page.locator("form.rating").first
        form.locator("[value=look]").check()
        form.locator("textarea").fill("one level off")
        with page.expect_download() as download:
            form.locator("button").click()
        rating = json.loads(Path(download.value.path()).read_text())
        name = download.value.suggested_filename
        browser.close()
    assert name == "x_rating.json"
    assert (rating["scan"], rating["rating"], rating["comment"]) == ("x", "look", "one level off")
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert wrong == []
    from PIL import Image

    assert picture
    with Image.open(page_file.with_suffix(".png")) as drawn:
        pixels = np.asarray(drawn.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 50
