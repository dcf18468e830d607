"""Whether a dataset is valid BIDS, as far as a quick check can tell."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from spineps_nipype.core.text_files import parse_json

VALIDATOR: Final = "bids-validator-deno"
"""The official validator, which is used where it is installed."""
TIME_LIMIT: Final = 600.0
"""Time after which the validator is given up [s]."""


def validate_dataset(
    root: Path, files: Iterable[Path], subjects: Collection[str] = ()
) -> list[str]:
    """Faults of a dataset, one line each.

    These are the errors of the official validator where it is installed. Without it, only the
    description of the dataset and the names of the files that are used are checked.

    Parameters
    ----------
    root
        Root of the dataset.
    files
        Files that are used.
    subjects
        Labels of the subjects to check; all if empty.
    """
    program = shutil.which(VALIDATOR)
    if program is not None:
        found = _validator_errors(program, root, subjects)
        if found is not None:
            return found
    return [*_description_faults(root), *_name_faults(root, files)]


def _description_faults(root: Path) -> list[str]:
    """Faults of ``dataset_description.json``."""
    path = root / "dataset_description.json"
    try:
        content = parse_json(path)
    except FileNotFoundError:
        return ["dataset_description.json is missing"]
    except (OSError, ValueError) as fault:
        return [f"dataset_description.json cannot be read: {fault}"]
    if not isinstance(content, dict):
        return ["dataset_description.json is no JSON object"]
    return [
        f"dataset_description.json lacks {key}"
        for key in ("Name", "BIDSVersion")
        if not isinstance(content.get(key), str)
    ]


def _name_faults(root: Path, files: Iterable[Path]) -> list[str]:
    """Files whose path is not allowed by BIDS."""
    from bids_validator import BIDSValidator

    validator = BIDSValidator()
    names = sorted("/" + path.relative_to(root).as_posix() for path in files)
    return [f"{name} is no BIDS name or place" for name in names if not validator.is_bids(name)]


def _validator_errors(program: str, root: Path, subjects: Collection[str]) -> list[str] | None:
    """Errors that the official validator reports; None if it cannot be run."""
    try:
        done = subprocess.run(
            [program, "--json", "--ignoreNiftiHeaders", str(root)],
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        issues = [i for i in json.loads(done.stdout)["issues"]["issues"] if isinstance(i, dict)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, subprocess.TimeoutExpired):
        return None
    found = []
    for issue in issues:
        place = str(issue.get("location", ""))
        subject = place.lstrip("/").partition("/")[0].removeprefix("sub-")
        other = place.startswith("/sub-") and subjects and subject not in subjects
        if issue.get("severity") == "error" and not other:
            words = issue.get("issueMessage") or issue.get("subCode") or ""
            found.append(f"{place}: {issue.get('code')} {words}".rstrip().rstrip(":"))
    return found
