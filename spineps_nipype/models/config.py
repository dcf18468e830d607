"""The `inference_config.json` of a model package, read and resolved.

The file format is that of SPINEPS 2.1.3; unknown keys are ignored, as SPINEPS does.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from spineps_nipype.core.anatomy import SPINE_NAMES, VERTEBRA_NAMES
from spineps_nipype.errors import ModelError

logger = logging.getLogger(__name__)

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
_PLAIN_KEYS: Final[Mapping[type, tuple[str, ...]]] = {
    int: ("corpus_size_cleaning", "vert_size_threshold", "seed_erosion"),
    float: ("anomaly_cost", "sacrum_cost"),
    bool: ("has_c1", "needs_corp", "shrink_tile"),
}
"""Optional keys whose values are taken as they stand, by their type."""
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
    seed_erosion: int = 2
    """Ours: voxels that bodies are eroded by to find seeds. SPINEPS takes 2, which leaves nothing
    of cervical bodies, or of thin slabs, on a coarse grid."""
    anomaly_cost: float = 0.0
    """Ours: score that a path with a T13, an L6, or without a T12 must gain by it (labelling)."""
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
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as err:
            raise ModelError(
                "The model package has no inference_config.json.",
                file=path,
                remedy="Give the folder that holds it, or install the package again.",
            ) from err
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as err:
            raise ModelError(
                f"The model configuration cannot be read: {err}.",
                file=path,
                remedy="Install the package again.",
            ) from err
        if not isinstance(raw, dict):
            raise ModelError(
                "The model configuration is not a JSON object.",
                file=path,
                remedy="Install the package again.",
            )
        try:
            return cls.from_dict(raw)
        except (KeyError, TypeError, ValueError) as err:
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
        ValueError, TypeError
            If a key is missing or its value makes no sense.
        """
        missing = [key for key in REQUIRED if key not in raw]
        if missing:
            raise ValueError(f"missing keys: {', '.join(missing)}")
        modality = _words(raw["modality"], MODALITIES, "modality")
        acquisition = _words(raw["acquisition"], PLANES, "acquisition")[0]
        modeltype = _words(raw["modeltype"], ("nnunet", "unet", "classifier"), "modeltype")[0]
        low, high = _resolution(raw["resolution_range"])
        orientation = tuple(str(c) for c in raw["model_expected_orientation"])
        if len(orientation) != 3:
            raise ValueError(f"model_expected_orientation has {len(orientation)} letters, not 3")
        optional: dict[str, Any] = {}
        if "sacrum_ids" in raw:
            optional["sacrum_ids"] = tuple(int(v) for v in raw["sacrum_ids"])
        if "metal" in raw:
            optional["metal"] = tuple(int(v) for v in raw["metal"])
        if "cutout_size" in raw:
            optional["cutout_size"] = _cutout(raw["cutout_size"])
        for convert, keys in _PLAIN_KEYS.items():
            optional |= {key: convert(raw[key]) for key in keys if key in raw}
        if "mapping" in raw:
            optional["mapping"] = {_label(k): _label(v) for k, v in raw["mapping"].items()}
        return cls(
            log_name=str(raw["log_name"]),
            modality=modality,
            acquisition=acquisition,
            modeltype=modeltype,  # type: ignore[arg-type]
            orientation=orientation,
            folds=_folds(raw["available_folds"]),
            mirroring=bool(raw["inference_augmentation"]),
            spacing_min=low,
            spacing_max=high,
            step_size=float(raw["default_step_size"]),
            labels={int(k): _label(v) for k, v in raw["labels"].items()},
            expected_inputs=tuple(raw.get("expected_inputs", ("img",))),
            **optional,
        )


def _words(value: Any, allowed: Sequence[str], key: str) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) else tuple(value)
    unknown = [w for w in words if w not in allowed]
    if unknown or not words:
        raise ValueError(f"{key} is {value!r}; known are {', '.join(allowed)}")
    return words


def _label(value: Any) -> int:
    """A label given as number, as digits, or by the name of a structure or vertebra."""
    if isinstance(value, str) and value in _NUMBER_OF_NAME:
        return _NUMBER_OF_NAME[value]
    return int(value)


def _folds(value: Any) -> tuple[str, ...]:
    if isinstance(value, int):
        return tuple(str(i) for i in range(value))
    if isinstance(value, str):
        return (value,)
    return tuple(str(v) for v in value)


def _resolution(value: Any) -> tuple[Spacing, Spacing]:
    """Fixed spacing (three numbers) or bounds (two lists of three numbers), in mm."""
    entries = list(value)
    if len(entries) == 3:
        fixed = _spacing(entries)
        return fixed, fixed
    if len(entries) == 2:
        return _spacing(entries[0]), _spacing(entries[1])
    raise ValueError(f"resolution_range has {len(entries)} entries, not 3 numbers or 2 lists")


def _spacing(value: Any) -> Spacing:
    numbers = [float(v) for v in value]
    if len(numbers) != 3 or min(numbers) <= 0:
        raise ValueError(f"resolution_range needs three positive numbers, not {value!r}")
    return numbers[0], numbers[1], numbers[2]


def _cutout(value: Any) -> tuple[int, int, int]:
    sizes = [int(v) for v in value]
    if len(sizes) != 3 or any(s <= 0 or s % 8 for s in sizes):
        raise ValueError(f"cutout_size must be three multiples of 8, not {value!r}")
    return sizes[0], sizes[1], sizes[2]
