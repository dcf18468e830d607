"""Whether a scan fits a model: kind of image, entities of the name, plane.

Models are known here only by what their configuration says. Source: SPINEPS 2.1.3,
compatibility checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from .names import ScanName

MODALITY_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "T2w": ("T2w", "dixon", "mr", "t2", "T2", "T2c"),
    "T1w": ("T1w", "t1", "T1", "T1c"),
    "Vibe": ("t1dixon", "vibe", "mevibe", "GRE"),
    "CT": ("CT", "ct"),
    "SEG": ("msk", "seg"),
    "MPR": ("mpr", "MPR", "Mpr"),
    "PD": ("pd", "PD", "PDw"),
    "FLAIR": ("flair", "FLAIR"),
}
"""Words at the end of a file name by modality (PD and FLAIR: ours)."""
PLANE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "ax": ("axial", "ax", "axl"),
    "cor": ("coronal", "cor"),
    "sag": ("sagittal", "sag"),
    "iso": ("iso", "ISO"),
}
"""Values of the entity ``acq`` by plane."""
PLANE_OF_AXIS: Final[Mapping[str, str]] = {
    **dict.fromkeys("RL", "sag"),
    **dict.fromkeys("AP", "cor"),
    **dict.fromkeys("IS", "ax"),
}
"""Plane that is cut perpendicular to an axis."""
FINEST_MM: Final = 1.0
"""Spacings below this count as equal."""


class Config(Protocol):
    """What a model says about the images it takes."""

    @property
    def modality(self) -> Sequence[str]:
        """Modalities (keys of `MODALITY_KEYS`)."""

    @property
    def acquisition(self) -> str:
        """Plane (key of `PLANE_KEYS`)."""


def modality_of(suffix: str) -> str | None:
    """Modality that a file's last word belongs to, None if to none."""
    return next((m for m, words in MODALITY_KEYS.items() if suffix in words), None)


def plane_of_image(codes: Sequence[str], zooms: Sequence[float]) -> str:
    """Plane of an image: sag, cor, ax or iso.

    Parameters
    ----------
    codes
        Axis codes, one letter an axis.
    zooms
        Voxel size by axis [mm].
    """
    size = [round(max(float(zoom), FINEST_MM), 1) for zoom in zooms]
    coarse = [i for i, s in enumerate(size) if s == max(size)]
    if len(coarse) == 3:
        return "iso"
    if len(coarse) == 1:
        return PLANE_OF_AXIS[codes[coarse[0]]]
    return PLANE_OF_AXIS[next(codes[i] for i in range(3) if i not in coarse)]


def mismatches(
    name: ScanName,
    config: Config,
    *,
    plane: str | None = None,
    path: str | Path | None = None,
) -> list[str]:
    """Say why a scan does not fit a model.

    Parameters
    ----------
    name
        The scan's name.
    config
        The model's configuration.
    plane
        Plane of the image (`plane_of_image`), if it is known.
    path
        Place of the scan, looked at for the word ``debug``.

    Returns
    -------
    list of str
        One phrase a reason, empty if the scan fits.
    """
    found: list[str] = []
    words = [w for m in config.modality for w in MODALITY_KEYS.get(m, ())]
    modality = modality_of(name.suffix)
    if modality is not None and name.suffix not in words:
        found.append(f"the image is {name.suffix}, the model is for {', '.join(config.modality)}")
    if "seg" in name.entities and "SEG" not in config.modality:
        found.append(f"the name has seg-{name.entities['seg']}, so it is no grey image")
    planes = (config.acquisition, "iso")
    acq = name.entities.get("acq")
    if acq is not None and not any(acq in PLANE_KEYS.get(p, ()) for p in planes):
        found.append(f"acq-{acq} does not name a {config.acquisition} or isotropic scan")
    if "label" in name.entities:
        found.append(f"the name has label-{name.entities['label']}")
    if path is not None and any("debug" in part for part in Path(path).parts[-2:]):
        found.append("the name or its folder says debug")
    if plane is not None and plane not in planes:
        found.append(f"the plane of the image is {plane}, the model is for {config.acquisition}")
    return found
