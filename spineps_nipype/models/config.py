"""The `inference_config.json` of a model package, read and resolved.

The file format is that of SPINEPS 2.1.3; unknown keys are ignored, as SPINEPS does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from spineps_nipype.core.anatomy import SPINE_NAMES, VERTEBRA_NAMES
from spineps_nipype.errors import ModelError

from .package_files import read_package_json
from .values import (
    file_word,
    listed,
    mapping,
    orientation,
    real,
    spacing,
    switch,
    text,
    whole,
    words,
    wrong,
)

ModelType = Literal["nnunet", "unet", "classifier"]
Kind = Literal["semantic", "instance", "labeling"]
Spacing = tuple[float, float, float]

MIN_CLEANING_MM3: Final = 37.125
"""Smallest volume that clean-up works with: 40 voxels of 0.75 x 0.75 x 1.65 mm."""
DEFAULT_MAPPING: Final[Mapping[int, int]] = {
    **{label: label - 40 for label in range(41, 49)},
    49: 9,
    50: 9,
    51: 9,
    26: 0,
}
"""Semantic label to input label of the instance network."""
MODALITIES: Final = ("T2w", "T1w", "Vibe", "CT", "SEG", "MPR", "PD", "FLAIR")
PLANES: Final = ("sag", "cor", "ax", "iso")
REQUIRED: Final = (
    "log_name",
    "modality",
    "acquisition",
    "modeltype",
    "model_expected_orientation",
    "available_folds",
    "inference_augmentation",
    "resolution_range",
    "default_step_size",
    "labels",
)
INPUTS: Final = ("img", "seg", "ip", "oop", "water", "fat")
"""Kinds of channels."""
MODEL_TYPES: Final = ("nnunet", "unet", "classifier")
LEAST_STEP: Final = 0.05
"""Smallest step of tiles: 8,000 tiles where there is one at the largest step."""
MAX_LABEL: Final = 65_535
"""Label maps have 16 bits while they are made."""
MAX_FOLDS: Final = 100
MAX_SIDE: Final = 1024
"""Longest side of what a network is given at once [voxels]."""
MAX_CUTOUT: Final = 1 << 27
"""Most voxels of it: a cube of 512."""
MAX_BORDER_MM: Final = 100
MAX_COST: Final = 1e6
_NUMBER_OF_NAME: Final[Mapping[str, int]] = {
    **{name: number for number, name in VERTEBRA_NAMES.items()},
    **{name: number for number, name in SPINE_NAMES.items()},
}


@dataclass(frozen=True)
class ModelConfig:
    """What a model package says about itself.

    Parameters
    ----------
    log_name, modality, acquisition, modeltype
        Display name, modalities, plane and kind of network.
    orientation
        Axis codes that the network expects.
    folds
        Names of the folds, in order.
    mirroring
        Whether test-time mirroring is on.
    spacing_min, spacing_max
        Bounds of the target spacing in mm, in the order of `orientation`; equal when fixed.
    step_size
        Default sliding-window step as a fraction of the patch.
    labels
        Network class to SPINEPS label; classes that are not listed keep their number.
    """

    log_name: str
    modality: tuple[str, ...]
    acquisition: str
    modeltype: ModelType
    orientation: tuple[str, str, str]
    folds: tuple[str, ...]
    mirroring: bool
    spacing_min: Spacing
    spacing_max: Spacing
    step_size: float
    labels: Mapping[int, int]
    expected_inputs: tuple[str, ...] = ("img",)
    has_c1: bool = False
    needs_corp: bool = False
    sacrum_ids: tuple[int, ...] = (26,)
    metal: tuple[int, ...] = (80,)
    cutout_size: tuple[int, int, int] = (248, 304, 64)
    corpus_size_cleaning: int = 100
    vert_size_threshold: int = 250
    mapping: Mapping[int, int] = field(default_factory=lambda: dict(DEFAULT_MAPPING))
    shrink_tile: bool = False
    """Ours: small images get a smaller tile instead of padding up to the patch."""
    border_mm: float = 0.0
    """Ours: how far the image is continued beyond its border, along axes with smaller voxels,
    before the empty space begins, which is as dark as its darkest voxel in tiles, too: training
    showed the network sharp borders before darkness. 0: slices at the border are mixed with it,
    and tiles are filled with the mean."""
    spine_tile: tuple[int, int, int] | None = None
    """Ours: largest tile, voxels in the axes of the network, on the box of the spine. None: tiles
    lie on the whole image, and those without spine are left out."""
    spine_step: float | None = None
    """Ours: distance of those tiles as a fraction of the tile; None: as everywhere."""
    seed_erosion: int = 2
    """Ours: voxels that bodies are eroded by to find seeds. SPINEPS takes 2, which leaves nothing
    of cervical bodies, or of thin slabs, on a coarse grid."""
    anomaly_cost: float = 0.0
    """Ours: score that a path with a T13, an L6, or without a T12 must gain by it (labelling)."""
    weights_of: str = ""
    """Ours: folder beside that of the package, whose plans and weights it has; empty: its own. One
    network may be a package for MR and one for CT."""
    sacrum_cost: float = 0.0
    """Ours: score that it costs if the vertebra above a sacrum is not the last lumbar one."""

    @property
    def kind(self) -> Kind:
        """Phase that the package serves."""
        if self.modeltype == "classifier":
            return "labeling"
        return "instance" if "SEG" in self.modality else "semantic"

    @property
    def is_ct(self) -> bool:
        """Whether the model is for CT: no normalisation, no bias correction."""
        return "CT" in self.modality

    def target_spacing(self, zoom: Sequence[float]) -> Spacing:
        """Spacing in mm that an image of spacing `zoom` is brought to, axis by axis."""
        clamped = [
            min(max(float(z), low), high)
            for z, low, high in zip(zoom, self.spacing_min, self.spacing_max, strict=True)
        ]
        return clamped[0], clamped[1], clamped[2]

    def corpus_cleaning_voxels(self, spacing: Sequence[float]) -> int:
        """Components of body seeds below this number of voxels are deleted."""
        return self._voxels(self.corpus_size_cleaning, spacing)

    def vertebra_cleaning_voxels(self, spacing: Sequence[float]) -> int:
        """Components of vertebra instances below this number of voxels are deleted."""
        return self._voxels(self.vert_size_threshold, spacing)

    def _voxels(self, threshold: int, spacing: Sequence[float]) -> int:
        volume = math.prod(float(z) for z in spacing)
        # Equal spacings cancel, and must do so without the rounding of a division.
        scale = math.prod(self.spacing_min) / volume
        wanted = int(threshold * scale + 1e-9)
        return max(wanted, max(round(MIN_CLEANING_MM3 / volume), 1))

    @classmethod
    def from_json(cls, path: str | Path) -> ModelConfig:
        """Read a configuration.

        Raises
        ------
        ModelError
            If the file cannot be read, a required key is missing or a value makes no sense.
        """
        path = Path(path)
        if not path.exists():
            raise ModelError(
                "The model package has no inference_config.json.",
                file=path,
                remedy="Give the folder that holds it, or install the package again.",
            )
        raw = read_package_json(path)
        try:
            return cls.from_dict(raw)
        except ValueError as err:
            raise ModelError(
                f"The model configuration is not valid: {err}.",
                file=path,
                remedy="Compare it with the inference_config.json of a SPINEPS release.",
            ) from err

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ModelConfig:
        """Resolve the keys of an `inference_config.json`.

        Raises
        ------
        ValueError
            If a key is missing or its value makes no sense.
        """
        missing = [key for key in REQUIRED if key not in raw]
        if missing:
            raise ValueError(f"missing keys: {', '.join(missing)}")
        low, high = _resolution(raw["resolution_range"])
        readers = {**_OPTIONAL, **OWN_KEYS}
        optional: dict[str, Any] = {
            key: convert(raw[key], key) for key, convert in readers.items() if key in raw
        }
        modeltype: Any = words(raw["modeltype"], MODEL_TYPES, "modeltype")[0]
        return cls(
            log_name=text(raw["log_name"], "log_name"),
            modality=words(raw["modality"], MODALITIES, "modality"),
            acquisition=words(raw["acquisition"], PLANES, "acquisition")[0],
            modeltype=modeltype,
            orientation=orientation(
                raw["model_expected_orientation"], "model_expected_orientation"
            ),
            folds=_folds(raw["available_folds"]),
            mirroring=switch(raw["inference_augmentation"], "inference_augmentation"),
            spacing_min=low,
            spacing_max=high,
            step_size=real(raw["default_step_size"], "default_step_size", LEAST_STEP, 1),
            labels=_labels(raw["labels"], "labels"),
            **optional,
        )


def _label(value: Any, name: str) -> int:
    """A label given as number, as digits, or by the name of a structure or vertebra."""
    if isinstance(value, str):
        if value in _NUMBER_OF_NAME:
            return _NUMBER_OF_NAME[value]
        if value.isascii() and value.isdigit() and len(value) <= len(str(MAX_LABEL)):
            value = int(value)
    return whole(value, name, 0, MAX_LABEL)


def _labels(value: Any, name: str) -> dict[int, int]:
    """Label by label."""
    return {
        _label(key, f"the key {key!r} of {name}"): _label(one, f"{name}.{key}")
        for key, one in mapping(value, name).items()
    }


def _folds(value: Any) -> tuple[str, ...]:
    name = "available_folds"
    if isinstance(value, int) and not isinstance(value, bool):
        return tuple(str(i) for i in range(whole(value, name, 1, MAX_FOLDS)))
    given = [value] if isinstance(value, str) else value
    found = listed(given, name, lambda one, place: file_word(str(one), place))
    if not 0 < len(found) <= MAX_FOLDS:
        raise wrong(name, f"1 to {MAX_FOLDS} folds", value)
    return found


def _resolution(value: Any) -> tuple[Spacing, Spacing]:
    """Fixed spacing (three numbers) or bounds (two lists of three numbers), in mm."""
    name = "resolution_range"
    if isinstance(value, list | tuple) and len(value) == 2:
        low, high = spacing(value[0], f"{name}[0]"), spacing(value[1], f"{name}[1]")
        if any(a > b for a, b in zip(low, high, strict=True)):
            raise ValueError(f"{name} has bounds the wrong way round: {value}")
        return low, high
    if isinstance(value, list | tuple) and len(value) != 3:
        raise ValueError(f"{name} has {len(value)} entries, not 3 numbers or 2 lists")
    fixed = spacing(value, name)
    return fixed, fixed


def _cutout(value: Any, name: str) -> tuple[int, int, int]:
    sizes = listed(value, name, lambda one, place: whole(one, place, 8, MAX_SIDE), 3)
    if any(size % 8 for size in sizes) or math.prod(sizes) > MAX_CUTOUT:
        raise wrong(name, f"three multiples of 8, together below {MAX_CUTOUT} voxels", value)
    return sizes[0], sizes[1], sizes[2]


def _tile(value: Any, name: str) -> tuple[int, int, int]:
    sizes = listed(value, name, lambda one, place: whole(one, place, 1, MAX_SIDE), 3)
    return sizes[0], sizes[1], sizes[2]


def _label_list(value: Any, name: str) -> tuple[int, ...]:
    return listed(value, name, _label)


_OPTIONAL: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "expected_inputs": lambda value, name: words(value, INPUTS, name),
    "has_c1": switch,
    "needs_corp": switch,
    "sacrum_ids": _label_list,
    "metal": _label_list,
    "cutout_size": _cutout,
    "corpus_size_cleaning": lambda value, name: whole(value, name, 0, MAX_CUTOUT),
    "vert_size_threshold": lambda value, name: whole(value, name, 0, MAX_CUTOUT),
    "mapping": _labels,
}
"""Keys of SPINEPS that may be absent, and how their values are read."""
OWN_KEYS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "shrink_tile": switch,
    "border_mm": lambda value, name: real(value, name, 0, MAX_BORDER_MM),
    "spine_tile": _tile,
    "spine_step": lambda value, name: real(value, name, LEAST_STEP, 1),
    "seed_erosion": lambda value, name: whole(value, name, 0, 20),
    "weights_of": file_word,
    "anomaly_cost": lambda value, name: real(value, name, -MAX_COST, MAX_COST),
    "sacrum_cost": lambda value, name: real(value, name, -MAX_COST, MAX_COST),
}
"""The same of ours, which SPINEPS ignores."""
