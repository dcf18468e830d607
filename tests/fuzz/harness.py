"""What every reader promises, whatever a file holds: words, no hang, nothing written elsewhere.

`FUZZ_EXAMPLES` says how many inputs each reader gets; above `USUAL` they are new each time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from spineps_nipype.errors import SpinepsError

T = TypeVar("T")

USUAL = 50
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", USUAL))
HANGS = 30
"""A reader that takes longer than this for a file of some kilobytes hangs [s]."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
CHANGES = {
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.truncate": ((0, None),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
}
"""Audit events of calls that change a folder: arguments with a path, and with its folder."""

fuzz = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= USUAL,  # a known set of inputs; new ones are for the night
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TOOLS = {"__pycache__", ".hypothesis"}
"""Folders in which Python and hypothesis keep things of their own."""

_watched: list[tuple[Path, list[str]]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched:
        return
    if event == "open":
        path, mode, flags = arguments
        if set(mode or "") & set("wax+") or (flags or 0) & WRITING:
            _note(event, path, None)
    for path, folder in CHANGES.get(event, ()):
        _note(event, arguments[path], None if folder is None else arguments[folder])


def _note(event: str, path: object, folder: int | None) -> None:
    """Keep a change outside the folder that is watched."""
    if not isinstance(path, str | bytes | os.PathLike):  # a descriptor, opened before
        return
    place = os.fsdecode(path)
    if folder is not None and folder >= 0:
        place = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), place)
    place = os.path.realpath(place)
    root, seen = _watched[-1]
    inside = place == str(root) or place.startswith(f"{root}{os.sep}")
    if not inside and place != os.devnull and not set(Path(place).parts) & TOOLS:
        seen.append(f"{event} {place}")


sys.addaudithook(_audit)


@contextmanager
def promised() -> Iterator[Path]:
    """A folder, outside of which nothing is written while the block lasts; it must end in time."""

    def hang(number: int, frame: Any) -> None:
        raise AssertionError(f"it hangs: more than {HANGS} s")

    with (
        tempfile.TemporaryDirectory(prefix="fuzz") as home,
        patch("os.fsync"),  # that files reach the disk is no matter here, and slow
    ):
        root, seen = Path(os.path.realpath(home)), []
        before = signal.signal(signal.SIGALRM, hang)
        signal.alarm(HANGS)
        _watched.append((root, seen))
        try:
            yield root
        finally:
            _watched.pop()
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        assert not seen, f"written outside: {seen}"


def read(reader: Callable[[], T], *also: type[BaseException]) -> T | None:
    """What a reader returns, None if it refuses its input in words.

    Any other exception fails the test: people would see its traceback.
    """
    try:
        return reader()
    except SpinepsError as fault:
        words = str(fault)
    except also:
        return None
    assert 10 < len(words) < 2000, words
    return None


# Inputs

ODD_TEXT = st.text(max_size=20) | st.sampled_from(
    ["", " ", "../../x", "/etc/passwd", "a/b", "\n", "\x00", "=1+1", "nan", "-1", "9" * 400, "ü"]
)
ODD_NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -1, 10**9, 2**31, 2**63, 10**30, 1e-300, 1e300, True])
)
_SIMPLE: st.SearchStrategy[Any] = st.sampled_from([None, True, False]) | ODD_NUMBERS | ODD_TEXT
VALUES: st.SearchStrategy[Any] = (
    _SIMPLE
    | st.lists(_SIMPLE, max_size=4)
    | st.dictionaries(ODD_TEXT, _SIMPLE, max_size=3)
    | st.lists(st.lists(_SIMPLE, max_size=3), max_size=3)
)
"""Anything that JSON can hold, and some that it should not."""


class Content(bytes):
    """Content of a file, of which a report of a failure shows the beginning."""

    def __repr__(self) -> str:
        return f"{bytes(self[:400])!r}{'...' if len(self) > 400 else ''}"


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Keys that lead to every value of nested lists and dictionaries."""
    yield path
    if isinstance(content, dict):
        for key, value in content.items():
            yield from places(value, (*path, key))
    elif isinstance(content, list):
        for key, value in enumerate(content):
            yield from places(value, (*path, key))


@st.composite
def changed(draw: st.DrawFn, content: Any) -> Any:
    """A document of which some values are others, or missing."""
    document = json.loads(json.dumps(content))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(places(document))))
        if not path:
            document = draw(VALUES)
            continue
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        if draw(st.booleans()) or isinstance(holder, list):
            holder[path[-1]] = draw(VALUES)
        else:
            del holder[path[-1]]
    return document


@st.composite
def spoiled(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes of a file of which some are others, missing or too many."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 3))):
        kind, at = draw(st.sampled_from("xcir")), draw(st.integers(0, max(len(data) - 1, 0)))
        if kind == "x" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "c":
            del data[at:]
        elif kind == "i":
            data[at:at] = draw(st.binary(max_size=20))
        elif kind == "r":
            data[at : at + draw(st.integers(0, 50))] = draw(st.binary(max_size=8))
    return Content(data)


def json_files(content: Any) -> st.SearchStrategy[bytes]:
    """JSON files that are like one with this content, odd in values or in bytes."""
    text = json.dumps(content).encode()
    odd_values = changed(content).map(_dumped)
    others = st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"", b"null", b"\xff\xfe\x00{"])
    return (odd_values | spoiled(text) | others).map(Content)


def _dumped(document: Any) -> bytes:
    text = json.dumps(document)
    with suppress(UnicodeEncodeError):
        return text.encode()
    return text.encode("utf-8", "surrogatepass")
