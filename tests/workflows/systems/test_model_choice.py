"""Which packages a scan gets, and what is said about them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.errors import CompatibilityError, ErrCode, ModelError
from spineps_nipype.models import folders
from spineps_nipype.workflows.options.run_options import ModelChoice
from spineps_nipype.workflows.systems.model_choice import ModelChooser

SAGITTAL = ScanHeader((40, 80, 12), (1.0, 1.0, 4.0), ("P", "I", "R"))
FINE = ScanHeader((400, 400, 300), (0.5, 0.5, 0.5), ("P", "I", "R"))
AXIAL = ScanHeader((200, 200, 30), (1.0, 1.0, 4.0), ("R", "A", "S"))


def add(home: Path, kind: str, id_: str, **changes: object) -> None:
    """Install a configuration; weights are not looked at when a model is chosen."""
    source = Path(home, "..", f"tiny_{kind}").resolve()
    folder = home / id_
    shutil.copytree(source, folder)
    path = folder / "inference_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture
def home(tmp_path: Path, models: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of installed packages; nothing is embedded."""
    for kind, package in models.items():
        shutil.copytree(package.folder, tmp_path / f"tiny_{kind}")  # type: ignore[attr-defined]
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.setenv(folders.MODELS_VARIABLE, str(folder))
    monkeypatch.setattr(folders, "embedded_dir", lambda: tmp_path / "data" / "embedded")
    return folder


def chosen(modality: str | None, header: ScanHeader, **options: str) -> dict[str, str | None]:
    models = ModelChooser(ModelChoice(**options)).choose(modality, header)  # type: ignore[arg-type]
    return {kind: p.id if p else None for kind, p in models.packages.items()}


def install_all(home: Path) -> None:
    add(home, "semantic", "t2w_thick", modality="T2w", resolution_range=[0.9, 0.9, 3.5])
    add(home, "semantic", "t2w_fine", modality="T2w", resolution_range=[0.5, 0.5, 0.5])
    add(home, "semantic", "t1w", modality="T1w")
    add(home, "semantic", "axial", modality="T2w", acquisition="ax")
    add(home, "semantic", "CT_semantic_v2.0.0", modality="CT", acquisition="iso")
    add(home, "instance", "instance_sagittal")
    add(home, "instance", "CT_instance_v2.0.0")
    add(home, "labeling", "T2w_labeling", modality=["T2w", "T1w"])
    add(home, "labeling", "CT_labeling", modality="CT", acquisition="iso")


@pytest.mark.parametrize(
    ("modality", "header", "semantic", "instance", "labeling"),
    [
        ("T2w", SAGITTAL, "t2w_thick", "instance_sagittal", "t2w_labeling"),
        ("T2w", FINE, "t2w_fine", "instance_sagittal", "t2w_labeling"),
        ("T1w", SAGITTAL, "t1w", "instance_sagittal", "t2w_labeling"),
        ("T2w", AXIAL, "axial", "instance_sagittal", None),
        ("CT", FINE, "ct_semantic_v2.0.0", "ct_instance_v2.0.0", "ct_labeling"),
    ],
)
def test_by_modality_plane_and_resolution(
    home: Path,
    modality: str,
    header: ScanHeader,
    semantic: str,
    instance: str,
    labeling: str | None,
) -> None:
    install_all(home)
    assert chosen(modality, header) == {
        "semantic": semantic,
        "instance": instance,
        "labeling": labeling,
    }


def test_a_model_asked_for_is_taken_whatever_fits(home: Path) -> None:
    install_all(home)
    found = chosen("T2w", SAGITTAL, model_semantic="t1w", model_labeling="none")
    assert found == {"semantic": "t1w", "instance": "instance_sagittal", "labeling": None}


def test_no_fitting_model_names_those_installed(home: Path) -> None:
    install_all(home)
    with pytest.raises(CompatibilityError, match="for Vibe scans in plane sag") as caught:
        chosen("Vibe", SAGITTAL)
    assert caught.value.code is ErrCode.COMPATIBILITY
    assert "t1w (T1w, sag)" in caught.value.remedy


def test_vertebrae_without_a_labelling_model_are_told(home: Path) -> None:
    install_all(home)
    models = ModelChooser(ModelChoice()).choose("T2w", AXIAL)
    assert "names are not known" in " ".join(models.notes)


def test_ct_has_a_compact_package_that_says_how_it_learnt() -> None:
    models = ModelChooser(ModelChoice()).choose("CT", FINE)
    assert [p.id for p in models.packages.values() if p] == [
        "compact_semantic_ct",
        "compact_instance",
        "compact_labeling",
    ]
    assert models.notes[-1] == "The compact network has learnt CT from synthetic scans alone."


@pytest.mark.parametrize(
    ("modality", "labeling"), [("T2w", "t2w_labeling"), ("Vibe", "t2w_labeling")]
)
def test_a_scan_that_is_forced_through_is_named_by_the_nearest_model(
    home: Path, modality: str, labeling: str
) -> None:
    install_all(home)
    chooser = ModelChooser(ModelChoice(model_semantic="axial"), ignore_compatibility=True)
    models = chooser.choose(modality, AXIAL)
    assert models.package("labeling").id == labeling
    assert f"{labeling} names the vertebrae, though" in models.notes[0]


def test_nothing_installed_says_what_to_install(home: Path) -> None:
    with pytest.raises(ModelError, match="There is no semantic model"):
        chosen("T2w", SAGITTAL)


def test_only_the_labelling_model_can_be_left_out(home: Path) -> None:
    install_all(home)
    with pytest.raises(ModelError, match="Only the labelling model"):
        ModelChooser(ModelChoice(model_instance="none"))


def test_an_absent_model_is_told_before_any_scan(home: Path) -> None:
    with pytest.raises(ModelError, match="nonsense"):
        ModelChooser(ModelChoice(model_semantic="nonsense"))


def test_installed_models_come_before_embedded_ones(home: Path) -> None:
    embedded = home.parent / "data" / "embedded"
    for kind in ("semantic", "instance", "labeling"):
        shutil.copytree(home.parent / f"tiny_{kind}", embedded / kind)
    models = ModelChooser(ModelChoice()).choose("T2w", SAGITTAL)
    assert [p.id for p in models.packages.values() if p] == [
        "compact_semantic",
        "compact_instance",
        "compact_labeling",
    ]
    assert models.notes == (
        "Made with the embedded compact semantic, instance and labeling models, "
        "not with released SPINEPS weights.",
    )
    add(home, "semantic", "mine", modality="T2w", resolution_range=[9.0, 9.0, 9.0])
    models = ModelChooser(ModelChoice()).choose("T2w", SAGITTAL)
    assert models.semantic.id == "mine"
    assert "compact instance and labeling models" in models.notes[0]


def test_planes_are_those_of_the_semantic_models(home: Path) -> None:
    install_all(home)
    assert ModelChooser(ModelChoice()).planes() == {"sag", "ax", "iso"}
    assert ModelChooser(ModelChoice(model_semantic="axial")).planes() == {"ax"}
