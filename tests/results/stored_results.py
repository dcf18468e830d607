"""Stored results made up by hand, with the records that a run would leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from spineps_nipype.core.files import file_digest
from spineps_nipype.results.record import Provenance
from spineps_nipype.results.sidecar import has_record, sidecar_of


def store(
    provenance: Provenance, files: Mapping[str, Path], phases: Mapping[str, str] | None = None
) -> None:
    """Write the results of all phases, or of some with a text of their own.

    Parameters
    ----------
    provenance
        How they are made.
    files
        The inputs, which are there, and where the results go.
    phases
        Content of the results, by the phases that are written.
    """
    for phase in provenance.recipe.order:
        if phases is not None and phase.name not in phases:
            continue
        for name in (n for n in phase.makes if n in files):
            path = files[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix != ".json":
                text = "" if phases is None else phases[phase.name]
                path.write_text(f"{name} of {phase.name} {text}")
            record = provenance.record(phase.name)
            record["Inputs"] = {
                read: file_digest(files[read]) for read in phase.reads if files[read].is_file()
            }
            content: object
            if path.suffix == ".json":
                content = [{"format": "POI", "Provenance": record}, {}]
            else:
                content = {"Provenance": {**record, "Sha256": file_digest(path)}}
            if has_record(path):
                sidecar_of(path).write_text(json.dumps(content))
