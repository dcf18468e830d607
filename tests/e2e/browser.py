"""Headless Chromium that notes what a page asks for and what goes wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox")
PATIENCE = 120_000


@contextmanager
def opened(
    file: Path, width: int = 1280, *, dark: bool = False, touch: bool = False
) -> Iterator[Any]:
    """Page of a file on disk; at its end it has asked nothing of a network and had no error.

    Parameters
    ----------
    width
        Of the window [pixels].
    dark
        Whether the reader prefers dark pages.
    touch
        Whether it is a telephone.
    """
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    asked: list[str] = []
    wrong: list[str] = []
    missing: list[str] = []
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=SOFTWARE_GL, timeout=PATIENCE
        )
        try:
            page = browser.new_page(
                viewport={"width": width, "height": 800},
                color_scheme="dark" if dark else "light",
                has_touch=touch,
            )
            page.set_default_timeout(PATIENCE)
            page.on("request", lambda request: asked.append(request.url))
            page.on(
                "console", lambda note: wrong.append(note.text) if note.type == "error" else None
            )
            page.on("pageerror", lambda fault: wrong.append(fault.stack or str(fault)))
            page.on("requestfailed", lambda request: missing.append(request.url))
            page.goto(file.as_uri())
            yield page
        finally:
            browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert not wrong, wrong
    assert [url for url in missing if not url.startswith("blob:")] == []  # those are downloads
