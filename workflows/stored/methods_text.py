"""Text for a methods section from the sidecars of results: exactly what they were made with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from spineps_nipype.bids.dataset_description import SOURCES
from spineps_nipype.bids.names import parse_name
from spineps_nipype.reports.boilerplate import Methods, methods_text, system_text
from spineps_nipype.spineps.recipe import VIBESEG

from ..options.other_systems import SPINEPS
from .scans import StoredScan
from .settings_of_record import settings_of_record

PACKAGE = "spineps-nipype"


def stored_methods(scans: Sequence[StoredScan]) -> str:
    """Markdown about the scans that have results; one text for each way they were made.

    Parameters
    ----------
    scans
        Scans of one system.
    """
    ways: dict[str, list[tuple[StoredScan, Mapping[str, Any]]]] = {}
    for scan in scans:
        said = scan.sidecar()
        record = said.get("Provenance")
        if isinstance(record, dict):
            settings = {k: v for k, v in record.get("Settings", {}).items() if k != "localizer"}
            way = [settings, record.get("Models"), said.get("Versions")]
            key = json.dumps(way, sort_keys=True)
            ways.setdefault(key, []).append((scan, said))
    return "\n\n".join(_text(made) for made in ways.values())


def _text(made: Sequence[tuple[StoredScan, Mapping[str, Any]]]) -> str:
    scan, said = made[0]
    models = {kind: [entry["id"]] for kind, entry in said["Provenance"].get("Models", {}).items()}
    versions = said.get("Versions", {})
    if scan.system != SPINEPS:
        networks = {kind: names[0] for kind, names in models.items()}
        version = versions.get(PACKAGE, "")
        return system_text(scan.system, version, len(made), networks, SOURCES[scan.system])
    words: dict[str, int] = {}
    for one, _ in made:
        word = parse_name(one.scan).suffix
        words[word] = words.get(word, 0) + 1
    given = [one["Provenance"].get("Corrections", {}) for _, one in made]
    settings = settings_of_record(said["Provenance"].get("Settings", {}))
    return methods_text(
        Methods(
            models=models,
            settings=settings,
            scans=words,
            versions={**versions},
            corrected=sum("spine" in g or "vert" in g for g in given),
            named=sum("names" in g for g in given),
            bias_corrected=any(word.lower() != "ct" for word in words),
            cropped=VIBESEG in models,
        )
    )
