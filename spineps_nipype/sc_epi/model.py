"""Model packages of EPISeg: a result folder of nnU-Net, and the outputs that it defines.

Source: Spinal Cord Toolbox 7.0, inference with nnU-Net models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..errors import ModelError
from ..models.config import ModelConfig
from ..models.package import CONFIG_NAME, ModelPackage, digest_folder, load_package

MODEL_KEY: Final = "model_seg_sc_epi_nnunet"
URL: Final = (
    "https://github.com/sct-pipeline/fmri-segmentation/releases/download/v0.2/"
    "model-fmri-segmentation-v0.2_nnUNetTrainer.zip"
)
TRAINER: Final = "nnUNetTrainer"
CORD_SUFFIX: Final = "_seg"
ROOTLETS_SUFFIX: Final = "_rootlets"
DEFAULT_ORIENTATION: Final = "LPI"
LESION_DATASET, LESION_ORIENTATION = "RegionBasedLesionSeg", "AIL"
STEP_SIZE: Final = 0.5
_OPPOSITE: Final = str.maketrans("LRAPSI", "RLPAIS")


@dataclass(frozen=True)
class EpiOutput:
    """An output file made from the result of the network.

    Parameters
    ----------
    suffix
        Text that is added to the name of the image.
    labels
        Labels of the network that belong to it; None for the whole label map.
    """

    suffix: str
    labels: tuple[int, ...] | None


@dataclass(frozen=True)
class EpiPackage:
    """A model package with the outputs that its `dataset.json` defines."""

    package: ModelPackage
    outputs: tuple[EpiOutput, ...]

    @property
    def orientation(self) -> tuple[str, str, str]:
        """Orientation that the network expects, in axis codes of nibabel."""
        return self.package.config.orientation


def load_epi_package(folder: str | Path) -> EpiPackage:
    """Read the weights in a folder: an unpacked archive of EPISeg, or a package of ours.

    Raises
    ------
    ModelError
        If the folder does not exist, holds no or several trainers, or a file is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(
            "EPISeg is not installed here.", file=folder, remedy=f"Unpack {URL} into it."
        )
    if any(folder.glob(f"**/*{CONFIG_NAME}")):
        package = load_package(folder)
        return EpiPackage(package, outputs_of(_json(package.folder / "dataset.json")))
    home = _trainer_folder(folder)
    dataset, plans = _json(home / "dataset.json"), _json(home / "plans.json")
    config = ModelConfig(
        log_name=MODEL_KEY,
        modality=("T2w",),
        acquisition="ax",
        modeltype="nnunet",
        orientation=model_orientation(dataset, plans),
        folds=_folds(home),
        mirroring=False,
        spacing_min=(1.0, 1.0, 1.0),
        spacing_max=(1.0, 1.0, 1.0),
        step_size=STEP_SIZE,
        labels={},
    )
    package = ModelPackage(MODEL_KEY, home, config, digest_folder(home))
    return EpiPackage(package, outputs_of(dataset))


def with_mirroring(package: EpiPackage) -> EpiPackage:
    """The same package with mirroring at test time."""
    inner = package.package
    return replace(package, package=replace(inner, config=replace(inner.config, mirroring=True)))


def model_orientation(
    dataset: Mapping[str, Any], plans: Mapping[str, Any]
) -> tuple[str, str, str]:
    """Orientation in axis codes of nibabel.

    The toolbox names the side at which an axis starts, nibabel the side to which it runs.

    Raises
    ------
    ModelError
        If `image_orientation` does not name the three axes.
    """
    stated = dataset.get("image_orientation")
    if stated is None:
        lesion = LESION_DATASET in str(plans.get("dataset_name", ""))
        stated = LESION_ORIENTATION if lesion else DEFAULT_ORIENTATION
    codes = str(stated).upper().translate(_OPPOSITE)
    pairs = {frozenset("LR"), frozenset("AP"), frozenset("SI")}
    if len(codes) != 3 or {p for p in pairs if set(codes) & p} != pairs:
        raise ModelError(
            f"dataset.json names the impossible orientation {stated!r}.",
            remedy="Write one such as RPI into it, or unpack the model again.",
        )
    return codes[0], codes[1], codes[2]


def outputs_of(dataset: Mapping[str, Any]) -> tuple[EpiOutput, ...]:
    """Output files that the labels in `dataset.json` define.

    A single label ``sc`` becomes the file ``_seg``, levels ``lvl1`` and so on become one file
    ``_rootlets``, and every other label becomes a file of its own.
    """
    labels = {
        name: tuple(int(v) for v in value) if isinstance(value, Sequence) else (int(value),)
        for name, value in dataset.get("labels", {}).items()
        if name not in {"background", "ignore"}
    }
    if not labels:
        raise ModelError(
            "dataset.json names no label but the background.", remedy=f"Unpack {URL} again."
        )
    if list(labels) == ["sc"]:
        return (EpiOutput(CORD_SUFFIX, labels["sc"]),)
    if all(name == f"lvl{i}" for i, name in enumerate(labels, start=1)):
        return (EpiOutput(ROOTLETS_SUFFIX, None),)
    return tuple(EpiOutput(f"_{name}_seg", values) for name, values in labels.items())


def _trainer_folder(folder: Path) -> Path:
    """The only folder of a trainer, which may be the given folder itself."""
    homes = sorted({p.parent for p in (folder, *folder.glob("**/")) if _is_fold(p)})
    found = [home for home in homes if home.name.startswith(TRAINER)]
    if len(found) != 1:
        names = ", ".join(home.name for home in homes) or "none"
        raise ModelError(
            f"The folder must hold exactly one {TRAINER}… folder with folds; found: {names}.",
            file=folder,
            remedy=f"Unpack {URL} again.",
        )
    return found[0]


def _is_fold(path: Path) -> bool:
    return path.name.startswith("fold_") and path.is_dir()


def _folds(home: Path) -> tuple[str, ...]:
    names = sorted(p.name.removeprefix("fold_") for p in home.iterdir() if _is_fold(p))
    return tuple(names) if names == ["all"] else tuple(n for n in names if n != "all")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as err:
        raise ModelError(
            f"A file of the EPISeg model is missing or damaged: {err}.",
            file=path,
            remedy=f"Unpack {URL} again.",
        ) from err
    if not isinstance(content, dict):
        raise ModelError(
            "A file of the EPISeg model is not a JSON object.",
            file=path,
            remedy=f"Unpack {URL} again.",
        )
    return content
