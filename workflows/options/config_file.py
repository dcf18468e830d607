"""Options of a run as a TOML file: read before the command line, written by every run."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__
from spineps_nipype.core.text_files import read_text
from spineps_nipype.settings import flat_values

from .other_words import NOT_NEEDED, tell_not_needed
from .overrides import override_flags
from .run_options import RunOptions
from .setting_flags import flagged, spelled
from .value_types import Parser, Replaceable

POSITIONAL: Final = ("bids_dir", "output_dir", "analysis_level")
RUN: Final = "run"
TABLES: Final = {
    RUN: (),
    "settings": ("settings",),
    "systems": ("totalspineseg", "sc_epi", "spine_segmentation"),
}
"""Tables of a file, and the parts of the options that stand in each; all others stand in `run`."""
MOST_REPEATED: Final = 10
"""Most times that a flag which counts, such as ``-v``, is given."""
NOT_REPEATED: Final = frozenset(
    {
        "bids_dir",
        "output_dir",
        "level",
        "override",
        "dry_run",
        "boilerplate_only",
        "reports_only",
        "clean_workdir",
    }
)
"""Options without a key in a file: where a run was, what it was asked to do once, and what has a
table of its own."""


def parse_with_config(parser: Parser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse arguments on top of the options of the file that ``--config-file`` names."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config-file", type=Path)
    path: Path | None = finder.parse_known_args(argv)[0].config_file
    if path is None:
        return parser.parse_args(argv)
    path = path.expanduser().absolute()
    parser.place = f"argument --config-file {path}: "
    words = list(_words(parser, path))
    start = parser.parse_args([".", ".", "participant", *words])
    for name in POSITIONAL:
        delattr(start, name)
    for name, value in vars(start).items():
        if isinstance(value, list):  # the command line goes before the file
            setattr(start, name, Replaceable(value))
    parser.place = ""
    return parser.parse_args(argv, namespace=start)


def _words(parser: Parser, path: Path) -> Iterator[str]:
    """Arguments that say what a file says; paths in it are relative to its folder."""
    try:
        content = tomllib.loads(read_text(path))
    except (OSError, ValueError) as fault:
        parser.error(f"the file cannot be read: {fault}")
    actions: dict[str, argparse.Action] = {}
    for action in parser._actions:
        for flag in action.option_strings[:1]:
            actions[action.dest] = actions[flag.lstrip("-").replace("-", "_")] = action
    for key in ("help", "version", "config_file"):
        actions.pop(key)
    for key, value in _flat(content):
        name = key.replace("-", "_")
        if (word := f"--{name.replace('_', '-')}") in NOT_NEEDED:
            tell_not_needed(parser, word)
            continue
        if name not in actions:
            near = get_close_matches(name, actions, n=1)
            parser.error(f"there is no option {key!r}" + (f"; {near[0]}?" if near else ""))
        yield from _spelled(parser, actions[name], key, value, path.parent)


def _spelled(
    parser: Parser, action: argparse.Action, key: str, value: Any, folder: Path
) -> Iterator[str]:
    flag = action.option_strings[-1]
    if isinstance(action, argparse.BooleanOptionalAction):
        flag = action.option_strings[0]
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        if isinstance(action, argparse._CountAction) and type(value) is int:
            if not 0 <= value <= MOST_REPEATED:
                parser.error(f"{key} = {value} is not between 0 and {MOST_REPEATED}")
            yield from [flag] * value
            return
        if not isinstance(value, bool):
            parser.error(f"{key} = {value!r} is neither true nor false")
        if value:
            yield flag
        elif isinstance(action, argparse.BooleanOptionalAction):
            yield action.option_strings[1]
        return
    values = value if isinstance(value, list) else [value]
    if action.nargs is None and isinstance(value, list):
        parser.error(f"{key} takes one value, not a list")
    if not values:
        return
    if action.type is Path and not all(isinstance(one, str) for one in values):
        parser.error(f"{key} = {value!r} is no path")
    if action.nargs is None:
        # One word with its flag, because a value may begin with a hyphen.
        yield f"{flag}={folder / values[0] if action.type is Path else values[0]}"
        return
    yield flag
    yield from map(str, values)


def _flat(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Options at the top and in tables, whose names are for readers only."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from value.items()
        else:
            yield key, value


def config_text(options: RunOptions) -> str:
    """All options of a run as TOML, to be given to ``--config-file``.

    Options without a value are left out, as TOML has no word for that.
    """
    import tomli_w

    places = options.folders
    tables: dict[str, dict[str, Any]] = {table: {} for table in TABLES}
    for part in fields(options):
        table = next((t for t, parts in TABLES.items() if part.name in parts), RUN)
        tables[table].update(_spelled_values(getattr(options, part.name)))
    again = options.results.override
    tables["override"] = {name: name in again for name, _ in override_flags()}
    head = [
        f"# Options of a run of spineps-wf {__version__}:",
        f"# dataset {places.bids_dir}",
        f"# results {places.output_dir}",
        "# Use them again with --config-file; the command line wins over this file.",
    ]
    return "\n".join(head) + "\n\n" + tomli_w.dumps(tables)


def _spelled_values(part: Any) -> dict[str, Any]:
    values = {
        key: spelled(option, flat_values(part)[key])
        for key, option in flagged(type(part)).items()
        if key not in NOT_REPEATED
    }
    return {key: value for key, value in values.items() if value is not None}
