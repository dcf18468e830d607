"""Networks of all systems are found in the same order of places; nothing is downloaded.

The networks here are folders and files without weights: a finder does not load them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spineps_nipype.errors import ModelError
from spineps_nipype.models import folders, places
from spineps_nipype.models.finding import find_package, find_packages, form_beside, package_in
from spineps_nipype.models.places import (
    FORM_FILE,
    PLACES,
    SLICE_FILES,
    SLICE_RELEASE,
    TSS_DATASETS,
    TSS_RESULTS,
    TSS_VARIABLE,
)
from spineps_nipype.models.registry import registry
from spineps_nipype.spine_segmentation.models import CLASSES
from tests.models.conftest import write_result_json

LATER = "r20251124"
FAMILIES = {
    "TotalSpineSeg": "totalspineseg",
    "EPISeg": "sc-epi",
    "spine-segmentation": "spine-segmentation",
    "VIBESeg": "vibeseg",
}
"""Systems by the name of their family of releases."""


def trainer(folder: Path, mark: str = "") -> Path:
    """A trainer folder of nnU-Net, told apart by a mark in its only fold."""
    (folder / "fold_0").mkdir(parents=True)
    (folder / "fold_0" / "checkpoint_final.pth").write_text(mark)
    write_result_json(folder, {"background": 0, "sc": 1})
    return folder


TRAINER = "nnUNetTrainer__nnUNetPlans__3d_fullres"


def totalspineseg(folder: Path, mark: str = "") -> None:
    for dataset in TSS_DATASETS.values():
        trainer(folder / dataset / TRAINER, mark)


def sc_epi(folder: Path, mark: str = "") -> None:
    trainer(folder / TRAINER, mark)


def vibeseg(folder: Path, mark: str = "") -> None:
    trainer(folder / "Dataset100_VIBESeg" / TRAINER, mark)


def slices(folder: Path, mark: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for family in SLICE_FILES.values():
        for name in family.values():
            (folder / name).write_text(name + mark)


WRITERS: dict[str, Callable[[Path, str], None]] = {
    "totalspineseg": totalspineseg,
    "sc-epi": sc_epi,
    "spine-segmentation": slices,
    "vibeseg": vibeseg,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing is installed, and no variable is set."""
    for variable in (TSS_VARIABLE, places.VIBESEG_VARIABLE, places.TOOLBOX_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(folders.MODELS_VARIABLE, str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    tptbox = SimpleNamespace(origin=str(tmp_path / "TPTBox" / "__init__.py"))
    monkeypatch.setattr(places, "find_spec", lambda _: tptbox)
    monkeypatch.setattr(folders, "embedded_dir", lambda: tmp_path / "data" / "compact")
    return tmp_path


@pytest.mark.parametrize("system", list(WRITERS))
def test_the_order_of_places(system: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the last place to the first: each one that is filled hides those behind it."""
    row, write = PLACES[system], WRITERS[system]
    kind = row.kinds[0]
    own = None if row.own_folder is None else row.own_folder()
    with pytest.raises(ModelError):
        find_package(system, kind)
    filled = [] if system == "vibeseg" else [home / "data" / f"compact-{system}"]
    filled += [] if own is None else [own]
    filled.append(home / "models" / row.fetched)
    digests = []
    for place in filled:
        write(place, str(place))
        found = find_package(system, kind)
        assert found.folder.is_relative_to(place)
        digests.append(found.digest)
    if row.only_variable:
        write(home / "named by variable", "v")
        monkeypatch.setenv(row.only_variable, str(home / "named by variable"))
        digests.append(find_package(system, kind).digest)
    write(home / "named", "n")
    digests.append(find_package(system, kind, home / "named").digest)
    assert len(set(digests)) == len(digests)
    with pytest.raises(ModelError):
        find_package(system, kind, home / "empty")


def test_the_compact_networks_of_totalspineseg_have_ids_of_their_own(home: Path) -> None:
    totalspineseg(home / "data" / "compact-totalspineseg")
    found = find_packages("totalspineseg", ("step1", "step2"))
    assert [p.id for p in found.values()] == [f"compact_totalspineseg_{k}" for k in found]


@pytest.mark.parametrize("release", [r for r in registry().values() if r.family in FAMILIES])
def test_what_is_fetched_is_found(release: Any, home: Path) -> None:
    """The folder of the registry, into which a package is unpacked, is one that is looked in."""
    system = FAMILIES[release.family]
    folder = home / "models" / release.folder
    if system == "totalspineseg":  # the entry is one step, and both must be there
        folder = folder.parent
    WRITERS[system](folder, "")
    for kind in PLACES[system].kinds:
        if kind not in PLACES[system].companions:
            assert find_package(system, kind).folder.is_relative_to(folder)
    assert {url.rpartition("/")[2] for url in release.urls if url.endswith(".onnx")} <= set(
        SLICE_FILES["resnet152"].values()
    )


def test_the_data_folder_of_totalspineseg(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TSS_VARIABLE, str(home / "none"))
    with pytest.raises(ModelError, match=r"data folder does not exist.*--tss-data"):
        find_package("totalspineseg", "step1")
    totalspineseg(home / "models" / "totalspineseg")
    (home / "none").mkdir()
    with pytest.raises(ModelError, match=r"weights are missing.*releases/download/r20241115"):
        find_package("totalspineseg", "step1")


@pytest.mark.parametrize("below", [True, False])
def test_releases_of_totalspineseg(home: Path, below: bool) -> None:
    results = home / "tss" / TSS_RESULTS
    totalspineseg(results / "r20241115" if below else results)
    package = find_package("totalspineseg", "step2", home / "tss")
    assert package.id == "dataset102_totalspineseg_step2_r20241115"
    assert package.config.orientation == ("R", "A", "S")
    assert package.config.spacing_min == (1, 1, 1)
    assert package.config.mirroring
    assert not package_in(package.folder, "totalspineseg", release=LATER).config.mirroring
    if below:
        with pytest.raises(ModelError, match=f"{LATER}/Dataset102_TotalSpineSeg_step2_{LATER}"):
            find_package("totalspineseg", "step2", home / "tss", release=LATER)


@pytest.mark.parametrize("make", ["nothing", "empty", "two"])
def test_folders_without_one_trainer(tmp_path: Path, make: str) -> None:
    home = tmp_path / "weights"
    if make != "nothing":
        home.mkdir()
    if make == "two":
        trainer(home / "a__plans__3d")
        trainer(home / "b__plans__3d")
    with pytest.raises(ModelError, match="no such folder" if make == "nothing" else "found: "):
        package_in(home, "totalspineseg")


def test_a_form_network_belongs_to_the_names_beside_it(home: Path) -> None:
    """One that lies with the compact networks was not made for released ones."""
    compact = home / "data" / "compact-spine-segmentation"
    compact.mkdir(parents=True)
    for kind in CLASSES:
        (compact / f"{places.SLICE_MARKS[kind]}Unet.onnx").write_text(kind)
    (compact / FORM_FILE).write_text("form")
    kinds = ("semantic", "instance", "form")
    found = find_packages("spine-segmentation", kinds)
    assert [p.file.name for p in found.values()] == [
        "compact_Seg2_Unet.onnx",
        "compact_Seg25_Unet.onnx",
        FORM_FILE,
    ]
    assert find_package("spine-segmentation", "form") == found["form"]
    assert form_beside(found["instance"].file) == found["form"]
    (compact / FORM_FILE).write_text("another form")
    assert find_package("spine-segmentation", "form").digest != found["form"].digest
    slices(home / "models" / "spine-segmentation" / SLICE_RELEASE)
    assert set(find_packages("spine-segmentation", kinds)) == {"semantic", "instance"}
    with pytest.raises(ModelError, match="form network"):
        find_package("spine-segmentation", "form")


def test_encoders_of_spine_segmentation(home: Path) -> None:
    slices(home / "models" / "spine-segmentation" / SLICE_RELEASE)
    files = {
        find_package("spine-segmentation", kind, release=family).file.name
        for family in SLICE_FILES
        for kind in SLICE_FILES[family]
    }
    assert len(files) == 4
