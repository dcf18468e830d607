"""Whether a scan fits a model: modality, plane, entities. Source: SPINEPS 2.1.3."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from .names import parse_name

MODALITY_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
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
"""Suffixes of file names that stand for each modality."""
PLANE_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "ax": ("axial", "ax", "axl"),
    "cor": ("coronal", "cor"),
    "sag": ("sagittal", "sag"),
    "iso": ("isotropic", "iso", "ISO"),
}
"""Labels of the ``acq`` entity that name each plane."""


class Config(Protocol):
    """What must be known of a model; its configuration has it."""

    @property
    def modality(self) -> Sequence[str]:
        """Modalities that it was made for."""

    @property
    def acquisition(self) -> str:
        """Plane: sag, cor, ax or iso."""


def modality_of(suffix: str) -> str | None:
    """Modality that the suffix of a file name stands for, None if it stands for none."""
    for modality, suffixes in MODALITY_SUFFIXES.items():
        if suffix in suffixes:
            return modality
    return None


def plane_of_label(acquisition: str) -> str | None:
    """Plane that an ``acq`` label names: ``sag``, also ``sagTSE``; None for any other label."""
    for plane, labels in PLANE_LABELS.items():
        if re.match(rf"(?:{'|'.join(labels)})(?![a-z])", acquisition):
            return plane
    return None


def check_compatibility(path: str | Path, plane: str | None, config: Config) -> list[str]:
    """Reasons why a scan does not fit a model, empty if it does; see `misfits`."""
    return [text for _, text in misfits(path, plane, config)]


def misfits(path: str | Path, plane: str | None, config: Config) -> list[tuple[str, str]]:
    """In what a scan does not fit a model; empty if it fits.

    Parameters
    ----------
    path
        The scan; only its name and that of its folder are examined.
    plane
        Plane of the image as `core.planes.image_plane` gives it, None if it is not known.
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
    modality = modality_of(name.suffix)
    if modality is not None and modality not in config.modality:
        wanted = ", ".join(config.modality)
        found.append(("modality", f"the scan is {modality}, the model is for {wanted}"))
    named = plane_of_label(name.entities.get("acq", ""))
    allowed = {config.acquisition, "iso"}
    if named is not None and named not in allowed:
        text = f"acq-{name.entities['acq']} names the plane {named}"
        found.append(("acquisition", f"{text}, the model is for {config.acquisition}"))
    if plane is not None and plane not in allowed:
        text = f"the voxels are those of a scan in plane {plane}"
        found.append(("plane", f"{text}, the model is for {config.acquisition}"))
    return found
