"""Description of the command line for Boutiques, made from the parser.

It is brought up to date by
``python -m spineps_nipype.workflows.commands.boutiques > boutiques.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__

from ..cli import MUST_EXIST, build_parser
from ..options.value_types import count, gigabytes

SCHEMA: Final = "0.5"
SKIPPED: Final = (argparse._HelpAction, argparse._VersionAction)
FLAGS: Final = (argparse._StoreTrueAction, argparse._CountAction)
INTEGERS: Final = (int, count)
NUMBERS: Final = (*INTEGERS, float, gigabytes)


def descriptor() -> dict[str, Any]:
    """Descriptor of ``spineps-wf``, of schema version 0.5."""
    parser = build_parser()
    inputs = [entry for action in parser._actions for entry in _inputs(action)]
    return {
        "name": parser.prog,
        "description": parser.description,
        "tool-version": __version__,
        "schema-version": SCHEMA,
        "command-line": " ".join([parser.prog, *(entry["value-key"] for entry in inputs)]),
        "inputs": inputs,
        "output-files": [
            {
                "id": "output_folder",
                "name": "Results",
                "description": "Derivative dataset with masks, centroids, snapshots and logs",
                "path-template": "[OUTPUT_DIR]",
            }
        ],
        "error-codes": [
            {"code": 1, "description": "Nothing could run."},
            {"code": 2, "description": "Wrong usage."},
            {"code": 3, "description": "Some scans failed; the table of the run says which."},
        ],
        "tags": {"domain": ["neuroinformatics", "mri", "spine"], "standard": ["BIDS App"]},
    }


def _inputs(action: argparse.Action) -> Iterator[dict[str, Any]]:
    """Inputs of one argument; one that can be switched off as well has two."""
    if isinstance(action, SKIPPED):
        return
    help_text = (action.help or "").replace("%%", "%")
    if isinstance(action, argparse.BooleanOptionalAction):
        for flag in action.option_strings:
            if flag.startswith("--"):
                yield _flag(flag, help_text)
        return
    if isinstance(action, FLAGS):
        yield _flag(action.option_strings[-1], help_text)
        return
    entry: dict[str, Any] = {**_named(action.dest), "description": help_text}
    if action.option_strings:
        flag = action.option_strings[-1]
        entry = {**_named(flag), "description": help_text, "command-line-flag": flag}
    entry["optional"] = bool(action.option_strings)
    entry["type"] = _type(action)
    if entry["type"] == "Number":
        entry["integer"] = action.type in INTEGERS
    if action.choices:
        entry["value-choices"] = [str(choice) for choice in action.choices]
    if action.nargs == "+":
        entry |= {"list": True, "min-list-entries": 1}
    default = action.default
    if isinstance(default, str | int | float) and default != "":
        entry["default-value"] = default
    yield entry


def _flag(flag: str, text: str) -> dict[str, Any]:
    shown = {**_named(flag), "description": text, "command-line-flag": flag}
    return {**shown, "optional": True, "type": "Flag"}


def _named(name: str) -> dict[str, str]:
    word = name.lstrip("-").replace("-", "_")
    return {"id": word, "name": name.lstrip("-"), "value-key": f"[{word.upper()}]"}


def _type(action: argparse.Action) -> str:
    if action.type in NUMBERS:
        return "Number"
    there = action.dest == "bids_dir" or action.dest in MUST_EXIST
    return "File" if action.type is Path and there else "String"


def main() -> int:
    """Print the descriptor."""
    print(json.dumps(descriptor(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
