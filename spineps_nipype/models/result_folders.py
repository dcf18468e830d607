"""nnU-Net result folders without `inference_config.json`, and what they leave unsaid.

TotalSpineSeg, EPISeg and VIBESeg publish plain result folders: plans, data set, folds. How images
are turned and spaced for them is known from the programs that use them.

Source: TotalSpineSeg 20251028; Spinal Cord Toolbox 7.0, inference with nnU-Net models; TPTBox
1.1.0 (`run_vibeseg`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import ModelError

from .config import ModelConfig
from .package import CONFIG_NAME, ModelPackage, load_package
from .package_files import digest_folder, read_package_json
from .plans import blamed_on, check_result_folder, inherited
from .systems import SC_EPI, TOTALSPINESEG, VIBESEG

STEP_SIZE: Final = 0.5
"""Distance of tiles that all three use, as a fraction of the tile."""
ISO: Final = (1.0, 1.0, 1.0)
"""Spacing that TotalSpineSeg prepares its images in [mm]."""
MIRRORED_RELEASE: Final = "r20241115"
"""The release of TotalSpineSeg that is run with mirroring."""
EPI_TRAINER: Final = "nnUNetTrainer"
"""Start of the name of a trainer folder that the toolbox accepts."""
EPI_ID: Final = "model_seg_sc_epi_nnunet"
DEFAULT_ORIENTATION: Final = "LPI"
"""What the toolbox assumes where `dataset.json` has no orientation."""
LESION_DATASET, LESION_ORIENTATION = "RegionBasedLesionSeg", "AIL"
FULL: Final = "3d_fullres"
"""Configuration of VIBESeg."""
_OPPOSITE: Final = str.maketrans("LRAPSI", "RLPAIS")


def load_result_folder(folder: str | Path, system: str, *, release: str = "") -> ModelPackage:
    """Describe the network in a folder: a package of ours, or a plain nnU-Net result folder.

    Parameters
    ----------
    folder
        Folder of a package, of a data set, or of a trainer inside it.
    system
        System that the network belongs to.
    release
        Release that it is of, where that changes how it is used.

    Raises
    ------
    ModelError
        If the folder does not exist, or does not hold the folds of exactly one trainer.
    """
    folder = Path(folder).absolute()  # nodes run in other folders
    if not folder.is_dir():
        raise ModelError(
            f"The network of {system} is not installed here: there is no such folder.",
            file=folder,
            remedy="Give the folder of its plans and folds, or the folder around it.",
        )
    if any(folder.glob(f"**/*{CONFIG_NAME}")):
        return load_package(folder)
    home = _trainer_folder(folder, EPI_TRAINER if system == SC_EPI else "")
    check_result_folder(home)
    id_, config = _DESCRIBERS[system](home, release)
    return ModelPackage(id_, home, config, digest_folder(home))


def epi_orientation(dataset: Mapping[str, Any], plans: Mapping[str, Any]) -> tuple[str, str, str]:
    """Axis codes of nibabel; the toolbox writes where an axis comes from, nibabel where it goes.

    Parameters
    ----------
    dataset, plans
        Content of `dataset.json` and `plans.json` of EPISeg.

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


def _totalspineseg(home: Path, release: str) -> tuple[str, ModelConfig]:
    """Canonical axes, 1 mm, one fold, raw classes as labels."""
    name = home.parent.name if "__" in home.name else home.name
    id_ = name.lower() if release in name else f"{name.lower()}_{release}"
    return id_, ModelConfig(
        log_name=name,
        modality=("T1w", "T2w"),
        acquisition="iso",
        modeltype="nnunet",
        orientation=("R", "A", "S"),
        folds=("0",),
        mirroring=release == MIRRORED_RELEASE,
        spacing_min=ISO,
        spacing_max=ISO,
        step_size=STEP_SIZE,
        labels={},
    )


def _sc_epi(home: Path, _: str) -> tuple[str, ModelConfig]:
    """The network resamples by itself, so the spacing that stands here is not used."""
    dataset, plans = (read_package_json(home / n) for n in ("dataset.json", "plans.json"))
    return EPI_ID, ModelConfig(
        log_name=EPI_ID,
        modality=("T2w",),
        acquisition="ax",
        modeltype="nnunet",
        orientation=epi_orientation(dataset, plans),
        folds=_folds(home),
        mirroring=False,
        spacing_min=ISO,
        spacing_max=ISO,
        step_size=STEP_SIZE,
        labels={},
    )


def _vibeseg(home: Path, _: str) -> tuple[str, ModelConfig]:
    """Spacing of the plans; the data set names its own axes."""
    dataset, plans = (read_package_json(home / n) for n in ("dataset.json", "plans.json"))
    with blamed_on(home / "plans.json"):
        spacing = inherited(plans["configurations"], FULL)["spacing"]
    # Plans are in network axes; images count their axes the other way round.
    image_order = [float(spacing[a]) for a in plans["transpose_backward"]][::-1]
    fixed = (image_order[0], image_order[1], image_order[2])
    orientation = dataset.get("orientation") or ("R", "A", "S")
    return VIBESEG, ModelConfig(
        log_name="VIBESeg",
        modality=("Vibe",),
        acquisition="ax",
        modeltype="nnunet",
        orientation=(orientation[0], orientation[1], orientation[2]),
        folds=_folds(home),
        mirroring=False,
        spacing_min=fixed,
        spacing_max=fixed,
        step_size=STEP_SIZE,
        labels={},
    )


_DESCRIBERS: Final[Mapping[str, Callable[[Path, str], tuple[str, ModelConfig]]]] = {
    TOTALSPINESEG: _totalspineseg,
    SC_EPI: _sc_epi,
    VIBESEG: _vibeseg,
}
"""Id and configuration of a trainer folder, by system."""


def _trainer_folder(folder: Path, prefix: str) -> Path:
    """The one folder with folds, the folder itself included, whose name has a prefix."""
    homes = sorted({p.parent for p in (folder, *folder.glob("**/")) if _is_fold(p)})
    found = [home for home in homes if home.name.startswith(prefix)]
    if len(found) != 1:
        names = ", ".join(home.name for home in homes) or "none"
        raise ModelError(
            f"The folder must hold the folds of exactly one trainer; found: {names}.",
            file=folder,
            remedy="Unpack the weights there (`spineps-wf-models show` says where they come "
            "from), or give the folder of one trainer.",
        )
    return found[0]


def _is_fold(path: Path) -> bool:
    return path.name.startswith("fold_") and path.is_dir()


def _folds(home: Path) -> tuple[str, ...]:
    """Numbered folds; the fold of all cases only where it stands alone."""
    names = sorted(p.name.removeprefix("fold_") for p in home.iterdir() if _is_fold(p))
    return tuple(names) if names == ["all"] else tuple(n for n in names if n != "all")
