"""The stored table: one JSON file a system, in which a case tells what differs from others.

A case that starts with the results of another one leaves out the files that it kept as they were,
and says ``written`` for a file that was written again with the same content. A file with another
content lists what changed, compared with the same file of the case that it starts with, else with
a file that is like it: of the same case, or of the case that the system refers to, which is its
own first one, or that of another system.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from .record import KEPT, WRITTEN, Record
from .summaries import Summary

FOLDER: Final = Path(__file__).parent / "tables"
ABSOLUTE: Final = 2e-4
"""Tolerance of measured numbers near zero."""
RELATIVE: Final = 1e-3
MEASURED: Final = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
LEAST_ALIKE: Final = 0.5
"""Share of equal lines above which a file is told by what differs."""
Stored = dict[str, Any]


def read(system: str) -> Stored:
    """Stored cases of a system, as they stand in the file."""
    path = FOLDER / f"{system}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def write(system: str, cases: Mapping[str, Stored]) -> Path:
    """Write the cases of a system; returns the file."""
    path = FOLDER / f"{system}.json"
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(cases, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def stored_records(system: str, of: str = "") -> dict[str, Record]:
    """Stored records of a system by their cases.

    Parameters
    ----------
    system
        Name of the table.
    of
        System whose first case it refers to, if not its own.
    """
    reference = next(iter(stored_records(of).values())) if of else None
    records: dict[str, Record] = {}
    for name, stored in read(system).items():
        records[name] = decoded(stored, reference, records.get(stored.get("start", "")))
        reference = reference or records[name]
    return records


def encoded(
    record: Record, reference: Record | None, start: Record | None, start_name: str = ""
) -> Stored:
    """A record as it is stored.

    Parameters
    ----------
    record
        What a case did.
    reference
        Case that the system refers to; None if this is it.
    start, start_name
        Case that it starts with, if any.
    """
    files: dict[str, Any] = {}
    known = dict(reference.files) if reference is not None else {}
    for name, state in record.states.items():
        content = record.files.get(name)
        if content is None:
            files[name] = state
            continue
        if start is not None and name in start.files:
            change = _change(start.files[name], content)
            if change or state != KEPT:
                files[name] = {"state": state, **change} if change else state
        elif (like := _most_alike(content, known)) is not None:
            files[name] = {"state": state, "like": like, **_change(known[like], content)}
        else:
            files[name] = {"state": state, **_change({}, content)}
        known[name] = content
    parts = {
        "start": start_name,
        "status": record.status,
        "outcomes": record.outcomes,
        "plan": record.plan,
        "ran": " ".join(record.ran),
    }
    return {**{k: v for k, v in parts.items() if v}, "files": files}


def decoded(stored: Stored, reference: Record | None, start: Record | None) -> Record:
    """The record that was stored; the inverse of `encoded`."""
    files = dict(start.files) if start is not None else {}
    states = dict.fromkeys(files, KEPT)
    known = dict(reference.files) if reference is not None else {}
    for name in sorted({*files, *stored["files"]}):
        told = stored["files"].get(name, KEPT)
        change: dict[str, Any] = {"state": told} if isinstance(told, str) else told
        states[name] = change["state"]
        if states[name] not in (KEPT, WRITTEN):
            files.pop(name, None)
            continue
        base = known[change["like"]] if "like" in change else files.get(name, {})
        gone = change.get("without", [])
        left = {k: v for k, v in base.items() if not any(_below(k, g) for g in gone)}
        known[name] = files[name] = left | change.get("lines", {})
    return Record(
        stored["status"],
        stored.get("outcomes", []),
        stored.get("plan", []),
        stored.get("ran", "").split(),
        states,
        files,
    )


def _change(base: Summary, content: Summary) -> dict[str, Any]:
    lines = {k: v for k, v in content.items() if base.get(k) != v}
    gone = _shortest(set(base) - set(content), content)
    return {**({"lines": lines} if lines else {}), **({"without": gone} if gone else {})}


def _shortest(gone: set[str], left: Summary) -> list[str]:
    """Keys that are gone, whole branches by their beginning."""
    beginnings = set()
    for key in gone:
        parts = key.split(".")
        branches = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
        free = (b for b in branches if not any(_below(k, b) for k in left))
        beginnings.add(next(free, key))
    return sorted(beginnings)


def _below(key: str, branch: str) -> bool:
    return key == branch or key.startswith(f"{branch}.")


def _most_alike(content: Summary, known: Mapping[str, Summary]) -> str | None:
    """Name of the file with the most equal lines, if there are enough of them."""
    shares = {
        name: sum(other.get(k) == v for k, v in content.items()) / max(len(content), len(other), 1)
        for name, other in known.items()
    }
    best = max(shares, key=lambda name: (shares[name], name), default=None)
    return best if best is not None and shares[best] >= LEAST_ALIKE else None


def differences(stored: Record, found: Record) -> Iterator[str]:
    """What differs, one line each: file, line, was, is."""
    if stored.status != found.status:
        yield f"exit status was {stored.status}, is {found.status}"
    for word in ("outcomes", "plan", "ran"):
        was, now = getattr(stored, word), getattr(found, word)
        if was != now:
            yield f"{word} was\n    {_listed(was)}\n  is\n    {_listed(now)}"
    for name in sorted({*stored.states, *found.states}):
        was_state, now_state = (r.states.get(name, "absent") for r in (stored, found))
        if was_state != now_state:
            yield f"{name}: was {was_state}, is {now_state}"
        if name in stored.files and name in found.files:
            yield from _of_file(name, stored.files[name], found.files[name])


def _listed(lines: list[str]) -> str:
    return "\n    ".join(lines) or "nothing"


def _of_file(name: str, stored: Summary, found: Summary) -> Iterator[str]:
    for key in sorted({*stored, *found}):
        was, now = stored.get(key, "absent"), found.get(key, "absent")
        if not same(was, now):
            yield f"{name}: {key}: {_apart(was, now)}"


def _apart(was: str, now: str) -> str:
    """Only the cells that differ, where both are rows of the same columns."""
    cells = [text.split(" | ") for text in (was, now)]
    if len(cells[0]) == len(cells[1]) > 1:
        pairs = [(a, b) for a, b in zip(*cells, strict=True) if not same(a, b)]
        was, now = (" | ".join(side) for side in zip(*pairs, strict=True))
    return f"was {was}, is {now}"


def same(was: str, now: str) -> bool:
    """Whether two lines say the same: numbers with a decimal point within the tolerance.

    >>> same("mean 0.5 of 3", "mean 0.50001 of 3"), same("mean 0.5 of 3", "mean 0.5 of 4")
    (True, False)
    """
    if was == now:
        return True
    if MEASURED.sub("#", was) != MEASURED.sub("#", now):
        return False
    pairs = zip(MEASURED.findall(was), MEASURED.findall(now), strict=True)
    return all(_near(float(a), float(b)) for a, b in pairs)


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= ABSOLUTE + RELATIVE * max(abs(a), abs(b))
