"""Where the networks of each system are looked for: a row a system.

The order is the same for all: the folder that the caller names, else that of `only_variable`, and
then nowhere else; the models folder; the folder in which the original program keeps its networks;
the compact networks that come with this installation. Nothing is ever downloaded here.

SPINEPS has no row: its packages have ids, and lie anywhere in the models folder (`finding`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from spineps_nipype.core.files import file_digest
from spineps_nipype.errors import ModelError

from .package import ModelPackage, OnnxPackage
from .registry import registry
from .result_folders import EPI_ID, load_result_folder
from .systems import SC_EPI, SPINE_SEGMENTATION, TOTALSPINESEG, VIBESEG

Found = ModelPackage | OnnxPackage
Locate = Callable[[Path, str, str], Path | None]
"""Network of a kind and a release in a folder, None if the folder does not have it."""
Absent = Callable[[Sequence[Path], str, str], ModelError]
"""What to say when no folder has the network: folders, kind, release."""


@dataclass(frozen=True)
class Places:
    """Where the networks of a system are, and what makes one valid.

    Parameters
    ----------
    system
        Word for the system.
    kinds
        Networks that the system has.
    fetched
        Folder below the models folder into which `spineps-wf-models fetch` puts them.
    locate
        Finds a network in a folder.
    load
        Describes the network that was located.
    absent
        Says where to get a network.
    only_variable
        Environment variable with a folder; where it is set no other is looked in.
    own_folder
        Folder of the original program.
    release
        Release that is wanted where none is named.
    companions
        Kinds that lie beside another one, or are absent: that other kind, and their file name.
    embedded_ids
        Ids of the compact networks, where the name of their folder does not serve.
    """

    system: str
    kinds: tuple[str, ...]
    fetched: str
    locate: Locate
    load: Callable[[Path, str], Found]
    absent: Absent
    only_variable: str = ""
    own_folder: Callable[[], Path] | None = None
    release: str = ""
    companions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    embedded_ids: Mapping[str, str] = field(default_factory=dict)


# TotalSpineSeg

TSS_VARIABLE: Final = "TOTALSPINESEG_DATA"
"""Environment variable with the data folder, the same as in TotalSpineSeg."""
TSS_DATASETS: Final[Mapping[str, str]] = {
    "step1": "Dataset101_TotalSpineSeg_step1",
    "step2": "Dataset102_TotalSpineSeg_step2",
}
TSS_RELEASE: Final = "r20241115"
TSS_RESULTS: Final = Path("nnUNet", "results")
"""Where results lie in a data folder."""


def _locate_step(folder: Path, kind: str, release: str) -> Path | None:
    """A folder counts when it has both steps of a release: they were tuned together."""
    results = folder / TSS_RESULTS
    for home in (results, results / release, folder):
        if all((home / dataset).is_dir() for dataset in TSS_DATASETS.values()):
            return home / TSS_DATASETS[kind]
    return None


def _load_step(folder: Path, release: str) -> ModelPackage:
    return load_result_folder(folder, TOTALSPINESEG, release=release)


def _absent_step(places: Sequence[Path], kind: str, release: str) -> ModelError:
    named = places[0] if len(places) == 1 else None
    if named is not None and not named.is_dir():
        return ModelError(
            "The TotalSpineSeg data folder does not exist.",
            file=named,
            remedy=f"Create it, or correct --tss-data or {TSS_VARIABLE}.",
        )
    url = registry()[f"totalspineseg_{kind}"].url.replace(TSS_RELEASE, release)
    return ModelError(
        "Model weights are missing.",
        file=None if named is None else named / TSS_RESULTS,
        remedy=f"Download {url} and unpack it into {TSS_RESULTS} of the data folder; name the "
        f"data folder with {TSS_VARIABLE}.",
    )


# EPISeg

TOOLBOX_VARIABLE: Final = "SCT_DIR"
"""Folder of the Spinal Cord Toolbox, which installs models below it."""
TOOLBOX_MODELS: Final = Path("data", "deepseg_models")


def epi_folder() -> Path:
    """Folder into which EPISeg is installed: that of the toolbox, else one of our own."""
    toolbox = os.environ.get(TOOLBOX_VARIABLE)
    if toolbox and Path(toolbox).is_dir():
        return Path(toolbox) / TOOLBOX_MODELS / EPI_ID
    return Path.home() / ".config" / "spineps-nipype" / EPI_ID


def _locate_cord(folder: Path, _kind: str, _release: str) -> Path | None:
    return folder if folder.is_dir() else None


def _load_cord(folder: Path, _: str) -> ModelPackage:
    return load_result_folder(folder, SC_EPI)


def _absent_cord(places: Sequence[Path], _kind: str, _release: str) -> ModelError:
    return ModelError(
        "The model of EPISeg is not installed.",
        file=places[0] if len(places) == 1 else epi_folder(),
        remedy=f"Run `spineps-sc-epi -install`, or unpack {registry()['episeg'].url} into that "
        "folder.",
    )


# spine-segmentation: its authors give no licence, so that its networks are never shipped

SLICE_RELEASE: Final = "onnx_models_1.0.0"
SLICE_FILES: Final[Mapping[str, Mapping[str, str]]] = {
    "resnet152": {
        "semantic": "2023-11-06_Seg2_Unet_resnet152_896px.onnx",
        "instance": "2023-11-09_Seg25_Unet_resnet152_vert-only_896px_no-input-seg.onnx",
    },
    "mitb5": {
        "semantic": "2023-09-12_Seg2_Unet_mitb5_896px.onnx",
        "instance": "2023-11-06_Seg25_Unet_mitb5_vert-only_896px_no-input-seg.onnx",
    },
}
"""Files by encoder and network."""
SLICE_MARKS: Final[Mapping[str, str]] = {
    "semantic": "compact_Seg2_",
    "instance": "compact_Seg25_",
}
"""Start of the names of our compact networks."""
FORM_FILE: Final = "compact_form.onnx"
"""Beside a network of names of ours: one that tells names from bodies, their form and look."""


def slice_folder() -> Path:
    """Folder in which spine-segmentation keeps its networks."""
    local = os.environ.get("LOCALAPPDATA")
    home = Path(local) if os.name == "nt" and local else Path.home() / ".config"
    return home / "spine-segmentation" / SLICE_RELEASE


def _locate_onnx(folder: Path, kind: str, release: str) -> Path | None:
    path = folder / SLICE_FILES[release][kind]
    if path.is_file():
        return path
    return next(iter(sorted(folder.glob(f"{SLICE_MARKS[kind]}*.onnx"))), None)


def load_onnx(file: Path, _release: str = "") -> OnnxPackage:
    """Describe a network in an ONNX file."""
    file = file.absolute()  # nodes run in other folders
    return OnnxPackage(file.stem, file, file_digest(file))


def _absent_onnx(places: Sequence[Path], kind: str, release: str) -> ModelError:
    name = SLICE_FILES[release].get(kind, FORM_FILE)
    base = registry()["spine_segmentation"].url.rpartition("/")[0]
    return ModelError(
        f"The {kind} network of spine-segmentation is not installed.",
        file=places[0] / name,
        remedy=f"Its weights have no licence, so nobody ships them; fetch {base}/{name}.",
    )


# VIBESeg, the network that finds the spine in large images

VIBESEG_VARIABLE: Final = "VIBESEG_WEIGHTS_PATH"
VIBESEG_DATASET: Final = "100"
VIBESEG_TRAINERS: Final = ("*__nnUNet*ResEnc*", "*__nnUNetPlans*")
"""Trainer folders, the preferred kind first."""


def _tptbox_folder() -> Path:
    """Folder into which TPTBox downloads the networks of VIBESeg."""
    spec = find_spec("TPTBox")
    home = Path(spec.origin).parent if spec and spec.origin else Path()
    return home / "segmentation" / "nnUNet" / "nnUNet_results"


def _locate_vibeseg(folder: Path, _kind: str, _release: str) -> Path | None:
    for dataset in sorted(folder.glob(f"*{VIBESEG_DATASET}*")):
        for pattern in VIBESEG_TRAINERS:
            for home in sorted(dataset.glob(pattern)):
                if (home / "plans.json").is_file():
                    return home
    return None


def _load_vibeseg(folder: Path, _: str) -> ModelPackage:
    return load_result_folder(folder, VIBESEG)


def _absent_vibeseg(places: Sequence[Path], _kind: str, _release: str) -> ModelError:
    return ModelError(
        "The crop to the spine needs the VIBESeg weights, which are not installed.",
        file=next((place for place in places if place.is_dir()), places[-1]),
        remedy="Install them (spineps-wf-models fetch vibeseg), or download "
        f"{registry()['vibeseg'].url} on a machine with internet and unzip it there (or in a "
        f"folder of {VIBESEG_VARIABLE}), or turn the crop off (--auto-crop-to-spine no).",
    )


_ROWS: Final = (
    Places(
        system=TOTALSPINESEG,
        kinds=tuple(TSS_DATASETS),
        fetched="totalspineseg",
        locate=_locate_step,
        load=_load_step,
        absent=_absent_step,
        only_variable=TSS_VARIABLE,
        release=TSS_RELEASE,
        embedded_ids={kind: f"compact_totalspineseg_{kind}" for kind in TSS_DATASETS},
    ),
    Places(
        system=SC_EPI,
        kinds=("cord",),
        fetched="episeg_v0.2",
        locate=_locate_cord,
        load=_load_cord,
        absent=_absent_cord,
        own_folder=epi_folder,
    ),
    Places(
        system=SPINE_SEGMENTATION,
        kinds=("semantic", "instance", "form"),
        fetched=f"spine-segmentation/{SLICE_RELEASE}",
        locate=_locate_onnx,
        load=load_onnx,
        absent=_absent_onnx,
        own_folder=slice_folder,
        release="resnet152",
        companions={"form": ("instance", FORM_FILE)},
    ),
    Places(
        system=VIBESEG,
        kinds=("semantic",),
        fetched="vibeseg",
        locate=_locate_vibeseg,
        load=_load_vibeseg,
        absent=_absent_vibeseg,
        only_variable=VIBESEG_VARIABLE,
        own_folder=_tptbox_folder,
    ),
)
PLACES: Final[Mapping[str, Places]] = {row.system: row for row in _ROWS}
