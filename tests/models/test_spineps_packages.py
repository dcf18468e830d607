"""Packages are found by id, by path, or fall back on the embedded ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from spineps_nipype.errors import ModelError
from spineps_nipype.models import folders
from spineps_nipype.models.folders import is_embedded, models_dir
from spineps_nipype.models.package import load_package
from spineps_nipype.models.registry import released
from spineps_nipype.models.spineps_packages import list_packages, spineps_package


@pytest.fixture
def installed(tmp_path: Path, semantic_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "models"
    shutil.copytree(semantic_folder, home / "My_T2w")
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(home))
    return home


def test_by_id_in_any_case(installed: Path) -> None:
    package = spineps_package("MY_t2W", "semantic")
    assert package.id == "my_t2w"
    assert package.folder == installed / "My_T2w"
    assert not is_embedded(package)


def test_nnunet_folder_takes_the_name_of_its_parent(installed: Path) -> None:
    shutil.move(installed / "My_T2w", installed / "Trained" / "Trainer__nnUNetPlans__3d")
    assert spineps_package("trained", "semantic").folder.name == "Trainer__nnUNetPlans__3d"


def test_by_path(semantic_folder: Path) -> None:
    assert spineps_package(semantic_folder, "semantic").folder == semantic_folder
    assert spineps_package(str(semantic_folder), "semantic").id == "tiny_semantic"


def test_a_relative_path_holds_in_any_folder(
    semantic_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(semantic_folder.parent)
    assert load_package(semantic_folder.name).folder == semantic_folder


def test_released_id_finds_its_versioned_folder(installed: Path) -> None:
    shutil.move(installed / "My_T2w", installed / "T2w_semantic_v1.0.9")
    for name in ("t2w", "T2W_semantic", "auto"):
        assert spineps_package(name, "semantic").folder.name == "T2w_semantic_v1.0.9"


def test_unknown_id_lists_what_there_is(installed: Path) -> None:
    with pytest.raises(ModelError, match="my_t2w"):
        spineps_package("nonsense", "semantic")


def test_released_but_not_installed_says_where_to_get_it(installed: Path) -> None:
    with pytest.raises(ModelError, match=r"fetch t1w.*https://.*v1\.0\.9/t1w\.zip"):
        spineps_package("t1w", "semantic")


def test_wrong_phase_is_refused(installed: Path) -> None:
    with pytest.raises(ModelError, match="semantic phase, not instance"):
        spineps_package("my_t2w", "instance")


def test_missing_models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(tmp_path / "absent"))
    with pytest.raises(ModelError, match="SPINEPS_SEGMENTOR_MODELS"):
        models_dir()


def test_broken_package_is_skipped(installed: Path, caplog: pytest.LogCaptureFixture) -> None:
    (installed / "broken").mkdir()
    (installed / "broken" / "inference_config.json").write_text("{")
    assert "my_t2w" in [p.id for p in list_packages("semantic")]
    assert "broken" in caplog.text


def test_folder_without_or_with_several_configurations(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load_package(tmp_path / "absent")
    with pytest.raises(ModelError, match=r"no inference_config\.json"):
        load_package(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inference_config.json").write_text(json.dumps({}))
    with pytest.raises(ModelError, match="several packages"):
        load_package(tmp_path)


def test_digest_changes_with_any_byte(semantic_folder: Path) -> None:
    before = load_package(semantic_folder).digest
    assert load_package(semantic_folder).digest == before
    plans = semantic_folder / "plans.json"
    plans.write_text(plans.read_text() + " ")
    assert load_package(semantic_folder).digest != before


def test_registry_has_aliases() -> None:
    table = released()
    assert table["ct_semantic"] is table["ct"]
    assert table["instance"].folder == "instance_sagittal_v1.2.0"
    assert all(r.url.startswith("https://") for r in table.values())


def test_embedded_packages_serve_all_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPINEPS_SEGMENTOR_MODELS", raising=False)
    monkeypatch.setattr(folders, "models_dir", lambda _=None: None)
    for kind in ("semantic", "instance", "labeling"):
        package = spineps_package("auto", kind)
        assert package.kind == kind
        assert is_embedded(package)
        assert package.id == f"compact_{kind}"


def test_packages_of_other_systems_are_no_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks of TotalSpineSeg have nnU-Net's layout too, and other labels."""
    from ..tiny_packages import write_packages

    write_packages(tmp_path / "totalspineseg" / "nnUNet" / "results")
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(tmp_path))
    here = {p.id for p in list_packages()}
    assert not {id_ for id_ in here if id_.startswith("tiny")}
    (tmp_path / "totalspineseg").rename(tmp_path / "mine")
    assert {id_ for id_ in {p.id for p in list_packages()} if id_.startswith("tiny")}


def borrowing(folder: Path, named: str) -> Path:
    """A package beside another one that has nothing but a configuration."""
    other = folder.with_name("borrowing")
    other.mkdir()
    raw = json.loads((folder / "inference_config.json").read_text())
    raw |= {"modality": "CT", "weights_of": named}
    (other / "inference_config.json").write_text(json.dumps(raw))
    return other


def test_a_package_may_have_the_weights_of_another(semantic_folder: Path) -> None:
    lender = load_package(semantic_folder)
    package = load_package(borrowing(semantic_folder, semantic_folder.name))
    assert package.weights == lender.weights == semantic_folder
    assert package.config.is_ct
    assert package.digest != lender.digest
    (semantic_folder / "dataset.json").write_text(
        (semantic_folder / "dataset.json").read_text() + "\n"
    )
    assert load_package(package.folder).digest != package.digest


@pytest.mark.parametrize("named", ["elsewhere", "..", "../..", "/tmp", "."])
def test_borrowed_weights_lie_beside_the_package(semantic_folder: Path, named: str) -> None:
    with pytest.raises(ModelError, match="weights"):
        load_package(borrowing(semantic_folder, named))


def test_the_embedded_network_is_a_package_for_ct_as_well() -> None:
    mr, ct = (spineps_package(f"compact_semantic{end}", "semantic") for end in ("", "_ct"))
    assert ct.weights == mr.folder
    assert (mr.config.is_ct, ct.config.is_ct) == (False, True)
    assert ct.config.labels == mr.config.labels
    assert is_embedded(ct)
