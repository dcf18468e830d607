"""Where the results of a scan go, and what they are made with beside networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spineps_nipype.core.files import file_digest
from spineps_nipype.models.folders import is_embedded
from spineps_nipype.results.record import NO_FILE

from .model_choice import ChosenModels


@dataclass(frozen=True)
class Target:
    """Where the results of one scan go, and what they are made with beside networks.

    Parameters
    ----------
    files
        Output paths by the name of the result.
    settings
        Settings as the recipe names them.
    arguments
        Further arguments of the workflow for this scan.
    """

    files: Mapping[str, Path]
    settings: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)


def with_notes(packages: Mapping[str, Any]) -> ChosenModels:
    """Networks of a scan; results of compact ones say so."""
    own = sorted({p.id for p in packages.values() if is_embedded(p)})
    notes = (
        (f"Made with compact networks ({', '.join(own)}), not with released weights.",)
        if own
        else ()
    )
    return ChosenModels(dict(packages), notes)


def digest_or_none(path: Path | None) -> str:
    """Digest of a file that may be absent, as settings record it."""
    return NO_FILE if path is None else file_digest(path)
