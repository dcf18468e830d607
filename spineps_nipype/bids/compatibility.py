"""Whether a scan fits a model: modality, plane, entities; and which model fits it best.

Source: SPINEPS 2.1.3, compatibility checks and dataset run. Models are whatever has an ``id`` and
a ``config`` with modality, plane and spacing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from .names import parse_name

MODALITY_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "T2w": ("T2w", "dixon", "mr", "t2", "T2", "T2c"),
    "T1w": ("T1w", "t1", "T1", "T1c"),
    "Vibe": ("t1dixon", "vibe", "mevibe", "GRE"),
    "CT": ("CT", "ct"),
    "EPI": ("bold", "sbref"),
    "SEG": ("msk", "seg"),
    "MPR": ("mpr", "MPR", "Mpr"),
    "PD": ("PD", "PDw"),
    "FLAIR": ("FLAIR", "flair"),
}
"""Last words of file names that stand for each modality."""
PLANE_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "ax": ("axial", "ax", "axl"),
    "cor": ("coronal", "cor"),
    "sag": ("sagittal", "sag"),
    "iso": ("isotropic", "iso", "ISO"),
}
"""Words of the ``acq`` entity that stand for each plane."""
MIN_SPACING: Final = 1.0
"""Finer spacings count as this when the plane is found [mm]."""
_AXIS_PLANE: Final = {"L": "sag", "R": "sag", "P": "cor", "A": "cor", "S": "ax", "I": "ax"}


class Config(Protocol):
    """What is asked of the configuration of a model."""

    @property
    def modality(self) -> Sequence[str]:
        """Modalities that it takes."""

    @property
    def acquisition(self) -> str:
        """Plane: sag, cor, ax or iso."""

    @property
    def orientation(self) -> Sequence[str]:
        """Axis codes of its grid."""

    def target_spacing(self, zoom: Sequence[float]) -> Sequence[float]:
        """Spacing that an image is brought to [mm]."""


class Package(Protocol):
    """What is asked of a model package."""

    @property
    def id(self) -> str:
        """Name of the package."""

    @property
    def config(self) -> Any:
        """Its `Config`."""


P = TypeVar("P", bound=Package)


def modality_of(word: str) -> str | None:
    """Modality that the last word of a file name stands for, None if it stands for none."""
    for modality, words in MODALITY_WORDS.items():
        if word in words:
            return modality
    return None


def plane_of_word(acquisition: str) -> str | None:
    """Plane that an ``acq`` label names: ``sag``, also ``sagTSE``; None for any other label."""
    for plane, words in PLANE_WORDS.items():
        if re.match(rf"(?:{'|'.join(words)})(?![a-z])", acquisition):
            return plane
    return None


def image_plane(zooms: Sequence[float], axis_codes: Sequence[str]) -> str:
    """Plane in which an image was taken: sag, cor, ax or iso.

    Parameters
    ----------
    zooms
        Voxel spacing of three axes in mm; what is finer than 1 mm counts as 1 mm.
    axis_codes
        Where each axis runs to: letters of R/L, A/P, S/I.

    Returns
    -------
    str
        The plane across the axis with the largest spacing; with two largest, the plane across
        the remaining axis; ``iso`` if all are equal, to 0.1 mm.
    """
    spacing = [round(max(float(z), MIN_SPACING), 1) for z in zooms]
    largest = [code for code, z in zip(axis_codes, spacing, strict=True) if z == max(spacing)]
    if len(largest) == 3:
        return "iso"
    if len(largest) == 1:
        return _AXIS_PLANE[largest[0]]
    (rest,) = (code for code in axis_codes if code not in largest)
    return _AXIS_PLANE[rest]


def check_compatibility(path: str | Path, plane: str | None, config: Config) -> list[str]:
    """Reasons why a scan does not fit a model, empty if it does; see `misfits`."""
    return [text for _, text in misfits(path, plane, config)]


def misfits(path: str | Path, plane: str | None, config: Config) -> list[tuple[str, str]]:
    """What does not fit between a scan and a model, empty if all does.

    Parameters
    ----------
    path
        The scan; its name and the name of its folder are looked at, not its content.
    plane
        Plane of the image as `image_plane` gives it, None if it is not known.
    config
        Configuration of the model.

    Returns
    -------
    list of pairs
        The kind of misfit and a sentence about it. Kinds are modality, acquisition (what the
        name says), plane (what the voxels say), debug, and the entities seg, label, lesions.
    """
    name = parse_name(path)
    found = [
        (key, f"the name has the entity {key}-{name.entities[key]}, so it is no plain scan")
        for key in ("seg", "label", "lesions")
        if key in name.entities and not (key == "seg" and "SEG" in config.modality)
    ]
    path = Path(path)
    if "debug" in path.name or "debug" in path.parent.name:
        found.append(("debug", "the name or its folder says debug"))
    modality = modality_of(name.word)
    if modality is not None and modality not in config.modality:
        wanted = _listed(config.modality)
        found.append(("modality", f"the scan is {modality}, the model is for {wanted}"))
    named = plane_of_word(name.entities.get("acq", ""))
    allowed = {config.acquisition, "iso"}
    if named is not None and named not in allowed:
        text = f"acq-{name.entities['acq']} names the plane {named}"
        found.append(("acquisition", f"{text}, the model is for {config.acquisition}"))
    if plane is not None and plane not in allowed:
        text = f"the voxels are those of a scan in plane {plane}"
        found.append(("plane", f"{text}, the model is for {config.acquisition}"))
    return found


def best_models(
    packages: Iterable[P],
    *,
    modality: str | None,
    plane: str | None,
    spacing: Sequence[float] | None = None,
    axis_codes: Sequence[str] = ("P", "I", "R"),
) -> list[P]:
    """Models that fit a scan, the best one first.

    Modality and plane must fit. Of those that do, models made for just this plane come first,
    then those whose resolution is nearest to that of the scan, then those listed earlier.

    Parameters
    ----------
    packages
        Models of one phase, those to be preferred first.
    modality
        Modality of the scan, None if its name does not say.
    plane
        Plane of the scan, None if it is not known.
    spacing, axis_codes
        Voxel spacing of the scan in mm and where its axes run to.
    """
    ranked = []
    for place, package in enumerate(packages):
        config = package.config
        if modality is not None and modality not in config.modality:
            continue
        if plane is not None and plane not in (config.acquisition, "iso"):
            continue
        other_plane = plane is not None and plane != config.acquisition
        ranked.append((other_plane, resampling(config, spacing, axis_codes), place, package))
    return [package for *_, package in sorted(ranked, key=lambda entry: entry[:3])]


def find_best_matching_model(packages: Iterable[P], **scan: Any) -> P | None:
    """The first of `best_models`, None if no model fits."""
    fitting = best_models(packages, **scan)
    return fitting[0] if fitting else None


def resampling(
    config: Config, spacing: Sequence[float] | None, axis_codes: Sequence[str]
) -> float:
    """How much a scan is stretched for a model: sum of the octaves of its three axes."""
    if spacing is None:
        return 0.0
    axis = {_AXIS_PLANE[code]: float(z) for code, z in zip(axis_codes, spacing, strict=True)}
    zoom = [axis[_AXIS_PLANE[code]] for code in config.orientation]
    target = config.target_spacing(zoom)
    return round(sum(abs(math.log2(t / z)) for t, z in zip(target, zoom, strict=True)), 3)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
