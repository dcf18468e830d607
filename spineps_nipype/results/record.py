"""What a result depends on: the record a sidecar keeps, and how two records differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from spineps_nipype.models.engine_choice import choose_engine
from spineps_nipype.models.lookup import licence_of
from spineps_nipype.settings import deciding_values

if TYPE_CHECKING:
    from spineps_nipype.spineps.settings import PipelineSettings

PHASES: Final = ("semantic", "instance", "final", "poi", "snapshot", "metrics")
"""Phases whose results are stored, in the order in which they depend on each other."""

UNNEEDED: Final[Mapping[str, tuple[str, ...]]] = {"metrics": ("poi", "snapshot")}
"""Earlier phases whose results a phase does not read."""
ALGORITHM: Final[Mapping[str, int]] = dict.fromkeys(PHASES, 1)
"""Raised when a phase gives other results than before, so that stored ones are made again."""

_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "semantic": ("crop", "preprocess", "semantic", "engine"),
    "instance": ("instance", "engine"),
    "final": ("post", "labeling", "engine"),
    "poi": ("centroid",),
    "snapshot": (),
    "metrics": (),
}
_MODELS: Final[Mapping[str, tuple[str, ...]]] = {
    "semantic": ("semantic",),
    "instance": ("instance",),
    "final": ("labeling",),
    "poi": (),
    "snapshot": (),
    "metrics": (),
}
_CORRECTED: Final = {"spine": "semantic", "vert": "instance", "names": "final"}
"""First phase whose result depends on each kind of correction."""
_REPLACED: Final = {"spine": "semantic", "vert": "instance"}
"""Phases that a corrected mask stands for."""
_CORRECTION_WORDS: Final = {
    "spine": "corrected seg-spine",
    "vert": "corrected seg-vert",
    "names": "table of vertebra names",
}
NO_MODEL: Final = "none"


class Package(Protocol):
    """What a record keeps of a model package."""

    @property
    def id(self) -> str:
        """Name that users give."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides about its results."""

    @property
    def folder(self) -> Path:
        """Where it lies."""


Models = Mapping[str, "Package | None"]
"""Model packages by kind: semantic, instance, labeling (None: names are not given)."""


def upstream(phase: str) -> tuple[str, ...]:
    """The phase and those that it depends on."""
    before = PHASES[: PHASES.index(phase) + 1]
    return tuple(p for p in before if p not in UNNEEDED.get(phase, ()))


def phase_record(
    phase: str,
    settings: PipelineSettings,
    models: Models,
    corrections: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Everything but the input that decides about the result of a phase.

    Parameters
    ----------
    phase
        One of `PHASES`.
    settings, models
        What it is made with.
    corrections
        Digests of what a reader corrected: ``spine``, ``vert``, ``names``. Options and models of
        phases that a correction replaces do not count.

    Where the settings leave the engine open, it is the one for the processor.
    """
    settings = replace(settings, engine=choose_engine(settings.engine))
    names = upstream(phase)
    given = {k: d for k, d in (corrections or {}).items() if _CORRECTED[k] in names}
    made = [p for p in names if p not in {_REPLACED.get(kind) for kind in given}]
    groups = [g for p in made for g in _GROUPS[p]]
    kinds = [k for p in made for k in _MODELS[p]]
    options = {group: deciding_values(getattr(settings, group)) for group in groups}
    record = {
        "Phase": phase,
        "Algorithm": {p: ALGORITHM[p] for p in names},
        "Settings": {**options, "numerics": settings.numerics},
        "Models": {kind: _model_entry(models.get(kind)) for kind in kinds},
    }
    return {**record, "Corrections": given} if given else record


def _model_entry(package: Package | None) -> dict[str, str]:
    if package is None:
        return {"id": NO_MODEL, "digest": NO_MODEL}
    return {"id": package.id, "digest": package.digest, "licence": licence_of(package)}


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say in words how the record of a stored result differs from the one wanted now.

    Parameters
    ----------
    stored, wanted
        Records of `phase_record`, with an entry ``Inputs`` (digest of each source). A source
        that is missing on either side is not compared.

    Returns
    -------
    list of str
        One phrase for each difference, empty if the result can be kept.
    """
    found: list[str] = []
    for name, digest in wanted.get("Inputs", {}).items():
        if stored.get("Inputs", {}).get(name, digest) != digest:
            found.append(f"made from another {_SOURCE_WORDS.get(name, name)}")
    was_given, is_given = stored.get("Corrections", {}), wanted.get("Corrections", {})
    for kind, words in _CORRECTION_WORDS.items():
        if was_given.get(kind) != is_given.get(kind):
            how = "another" if kind in was_given and kind in is_given else "a"
            without = "out" if kind in is_given and kind not in was_given else ""
            found.append(f"made with{without} {how} {words}")
    for kind, model in wanted["Models"].items():
        old = stored.get("Models", {}).get(kind, {"id": "an unknown model", "digest": ""})
        if old["digest"] != model["digest"]:
            found.append(f"{kind} model was {_model_words(old)}, is {_model_words(model)}")
    was, now = _flat(stored.get("Settings", {})), _flat(wanted["Settings"])
    for name, value in now.items():
        old_value = was.get(name, "not recorded")
        if old_value != value:
            found.append(f"{name} was {old_value}, is {value}")
    for phase, number in wanted["Algorithm"].items():
        if stored.get("Algorithm", {}).get(phase) != number:
            found.append(f"made by another version of the {phase} phase")
    return found


_SOURCE_WORDS: Final = {
    "scan": "image",
    "spine_raw": "raw semantic mask",
    "vert_raw": "raw vertebra mask",
    "spine": "semantic mask",
    "vert": "vertebra mask",
    "poi": "centroid file",
}


def _model_words(entry: Mapping[str, str]) -> str:
    return entry["id"] if entry["id"] == NO_MODEL else f"{entry['id']} ({entry['digest'][:8]})"


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{key}": _plain(v) for key, v in value.items()})
        else:
            flat[name] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
