"""Downloads that resume where they stopped; pooch checks the digest."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.text_files import whole_number
from spineps_nipype.errors import ModelError

logger = logging.getLogger(__name__)

TRIES: Final = 5
WAIT: Final = 1.0
"""Time before the second try, doubled for each one after it [s]."""
TIME_OUT: Final = 60.0
"""A server that is silent for this long counts as unreachable [s]."""
CHUNK: Final = 1 << 16
"""Most that is lost when a transfer breaks off [bytes]."""

Report = Callable[[int, int | None], None]
"""Called with the bytes received so far, and the total if it is known."""


def download(
    url: str,
    folder: Path,
    *,
    sha256: str | None = None,
    report: Report | None = None,
    wait: float = WAIT,
) -> Path:
    """Download a file, resuming an earlier attempt.

    Parameters
    ----------
    url
        Where it lies.
    folder
        Folder for it; a part that is not whole stays there under another name.
    sha256
        What it must be; None takes what comes.
    report
        Told of the progress.
    wait
        Time before the second try [s].

    Raises
    ------
    ModelError
        If it cannot be downloaded, or is not what it must be; then nothing is kept of it.
    """
    import pooch
    import requests

    name = url.rpartition("/")[2]
    part = folder / f"{name}.part"
    pooch.get_logger().setLevel(logging.WARNING)

    def resume(address: str, output: Any, _: Any) -> None:
        _fetch(address, part, report, wait)
        part.replace(output)

    try:
        return Path(
            pooch.retrieve(
                url,
                known_hash=None if sha256 is None else f"sha256:{sha256}",
                fname=name,
                path=folder,
                downloader=resume,
            )
        )
    except requests.RequestException as fault:
        raise ModelError(
            f"The download failed: {fault}.",
            file=url,
            remedy="Run the command again: it goes on where it stopped. Without internet, carry "
            "the file over and use 'spineps-wf-models import'.",
        ) from fault
    except ValueError as fault:  # pooch compared the digest
        raise ModelError(
            "The file is not the one that was pinned (sha256 differs), and was deleted.",
            file=url,
            remedy="Do not trust it. If its authors replaced the release on purpose, delete its "
            "line from sha256.json in the models folder.",
        ) from fault


def _fetch(url: str, part: Path, report: Report | None, wait: float) -> None:
    """Complete a partial file, with retries."""
    import requests

    for attempt in range(TRIES):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        try:
            _fetch_once(url, part, report)
            return
        except requests.RequestException as fault:
            status = getattr(fault.response, "status_code", None)
            final = status is not None and 400 <= status < 500 and status not in (408, 416, 429)
            if final or attempt == TRIES - 1:
                raise
            logger.warning("download interrupted (%s), trying again", fault)


def _fetch_once(url: str, part: Path, report: Report | None) -> None:
    import requests

    mark = part.with_name(f"{part.name}.json")
    have = part.stat().st_size if part.is_file() else 0
    version = _version(mark)
    headers = {"Accept-Encoding": "identity"}
    if have and version:
        headers.update({"Range": f"bytes={have}-", "If-Range": version})
    with requests.get(url, headers=headers, stream=True, timeout=TIME_OUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink(missing_ok=True)
        answer.raise_for_status()
        goes_on = answer.status_code == requests.codes.partial_content
        have = have if goes_on else 0
        length = whole_number(answer.headers.get("Content-Length") or "")
        total = None if length is None else have + length
        # Without a version nobody can tell whether a later part is of the same file.
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        mark.write_text(json.dumps(version), encoding="utf-8")
        with part.open("ab" if goes_on else "wb") as stream:
            for chunk in answer.iter_content(CHUNK):
                stream.write(chunk)
                have += len(chunk)
                if report is not None:
                    report(have, total)
    if total is not None and have != total:
        raise requests.ConnectionError(f"{have} of {total} bytes came")
    mark.unlink(missing_ok=True)


def _version(mark: Path) -> str | None:
    with suppress(OSError, ValueError, RecursionError):
        stated = json.loads(mark.read_text(encoding="utf-8"))
        return stated if isinstance(stated, str) and not stated.startswith("W/") else None
    return None
