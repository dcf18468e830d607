"""Filters by BIDS entities, with the names, values and rules of pybids."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.text_files import parse_json
from spineps_nipype.errors import InputError

LONG_NAMES: Final = {
    "sub": "subject",
    "ses": "session",
    "acq": "acquisition",
    "rec": "reconstruction",
    "ce": "ceagent",
    "dir": "direction",
}
PRESENT: Final = "*"
"""Value of an entity that must be there, whatever it is; None demands that it is absent."""


def read_filters(path: Path) -> dict[str, dict[str, Any]]:
    """Read a filter file: a JSON object with one object of entities for each modality.

    Raises
    ------
    InputError
        If it cannot be read or has another form.
    """
    try:
        content = parse_json(path)
        if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
            raise ValueError("it is not an object of objects")
    except (OSError, ValueError) as fault:
        raise InputError(
            f"The filter file cannot be used: {fault}.",
            file=path,
            remedy='Write it like {"t2w": {"acquisition": "sag", "session": ["01", "02"]}}.',
        ) from fault
    return content


def passing(
    images: Iterable[Path], root: Path, filters: Mapping[str, Mapping[str, Any]]
) -> dict[str, set[Path]]:
    """For each modality with a filter, the images that pass it.

    Raises
    ------
    InputError
        If pybids knows no such entity.
    """
    if not filters:
        return {}
    from bids.layout.models import Config
    from bids.layout.utils import parse_file_entities

    known = Config.load("bids").entities
    for modality, wanted in filters.items():
        for name in wanted:
            _check_name(modality, LONG_NAMES.get(name, name), known, root)
    parsed = {
        path: parse_file_entities(f"/{path.relative_to(root).as_posix()}", known.values())
        for path in images
    }
    return {
        modality: {
            path
            for path, entities in parsed.items()
            if all(
                fits(entities.get(LONG_NAMES.get(name, name)), value)
                for name, value in wanted.items()
            )
        }
        for modality, wanted in filters.items()
    }


def fits(value: Any, wanted: Any) -> bool:
    """Whether the value of an entity, None if it is absent, is wanted.

    >>> fits("sag", ["sag", "iso"]), fits(None, "*"), fits(None, [None, "sag"])
    (True, False, True)
    """
    several = wanted if isinstance(wanted, list) else [wanted]
    if not several:
        return True
    if value is None:
        return None in several
    return any(_same(value, one) for one in several if one is not None)


def _same(value: Any, wanted: Any) -> bool:
    if wanted == PRESENT:
        return True
    if isinstance(value, int):  # run-01 and run-1 are the same
        try:
            return int(value) == int(wanted)
        except (TypeError, ValueError):
            return False
    text = str(wanted)
    if str(value).startswith("."):  # an extension may be written without its point
        text = f".{text.removeprefix('.')}"
    return str(value) == text


def _check_name(modality: str, name: str, known: Collection[str], root: Path) -> None:
    if name in known:
        return
    near = get_close_matches(name, known, n=1)
    raise InputError(
        f"The filter for {modality} does not fit the dataset: {name!r} is no entity"
        + (f"; {near[0]}?" if near else "."),
        file=root,
        remedy="Use the entity names of pybids: subject, session, acquisition, run, ...",
    )
