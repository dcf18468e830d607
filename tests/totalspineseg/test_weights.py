"""Weights are found, described and unpacked; nothing is downloaded."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import ModelError
from spineps_nipype.totalspineseg import weights
from spineps_nipype.totalspineseg.profiles import DATASETS, PROFILES, SEED
from spineps_nipype.totalspineseg.weights import (
    DATA_VARIABLE,
    data_dir,
    find_weights,
    install_exports,
    load_step,
    load_weights,
)

from .block_spine import DISCS, raw_spine
from .tiny_weights import scan_of, write_release, write_weights

LATER = PROFILES["r20251124"]


@pytest.fixture(autouse=True)
def _no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)


def test_addresses() -> None:
    assert SEED.url(1) == (
        "https://github.com/neuropoly/totalspineseg/releases/download/r20241115/"
        "Dataset101_TotalSpineSeg_step1_r20241115.zip"
    )
    assert LATER.url(2).endswith("/r20251124/Dataset102_TotalSpineSeg_step2_r20251124.zip")


def test_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_dir() is None
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    assert data_dir() == tmp_path
    other = tmp_path / "other"
    other.mkdir()
    assert data_dir(other) == other
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ModelError, match="does not exist"):
        data_dir()


@pytest.mark.parametrize("below", [True, False])
def test_weights_of_a_release(tmp_path: Path, below: bool) -> None:
    write_release(tmp_path, "r20241115", below=below)
    package = find_weights(2, data=tmp_path)
    assert package.folder.name == SEED.trainer_folder
    assert package.id == "dataset102_totalspineseg_step2_r20241115"
    assert package.config.orientation == ("R", "A", "S")
    assert package.config.spacing_min == (1, 1, 1)
    assert package.config.mirroring
    assert package.digest != find_weights(1, data=tmp_path).digest
    assert not load_weights(package.folder, profile=LATER).config.mirroring


def test_absent_weights_say_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Model weights are missing\..*releases/download"):
        find_weights(1, data=tmp_path)
    write_release(tmp_path, "r20241115")
    with pytest.raises(ModelError, match="r20251124"):
        find_weights(1, profile=LATER, data=tmp_path)


def test_without_a_data_folder_the_embedded_packages_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setattr(weights, "embedded_system", lambda _: tmp_path)
    with pytest.raises(ModelError, match=DATA_VARIABLE):
        find_weights(1)
    write_release(tmp_path, "r20241115", below=False)
    assert [find_weights(step).id for step in (1, 2)] == list(weights.EMBEDDED)


@pytest.mark.parametrize("make", ["nothing", "empty", "two"])
def test_folders_without_one_trainer(tmp_path: Path, make: str) -> None:
    home = tmp_path / "weights"
    if make != "nothing":
        home.mkdir()
    if make == "two":
        write_weights(home / "a__plans__3d", 1)
        write_weights(home / "b__plans__3d", 1)
    with pytest.raises(ModelError):
        load_weights(home)


def test_each_release_has_its_preferred_checkpoint(tmp_path: Path) -> None:
    package = load_weights(write_weights(tmp_path / "w", 1, best_too=True))
    image = NII.from_numpy(scan_of(raw_spine(DISCS[-1:])), np.eye(4), False)
    final = load_step(package).predict(image).labels.get_array()
    best = load_step(package, profile=LATER).predict(image).labels.get_array()
    assert set(np.unique(final)) == {0, 5, 6, 8, 9}
    assert set(np.unique(best)) == {0}
    (package.folder / "fold_0" / "checkpoint_best.pth").unlink()
    assert load_step(package, profile=LATER).predict(image).labels.get_array().any()


def archive_of(data: Path, step: int) -> Path:
    name = DATASETS[step - 1]
    exports = data / "nnUNet" / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    write_weights(data / "source" / name / SEED.trainer_folder, 1 if step == 1 else 2)
    path = shutil.make_archive(
        str(exports / f"{name}_{SEED.release}"), "zip", data / "source", name
    )
    shutil.rmtree(data / "source")
    return Path(path)


def test_install(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        install_exports(tmp_path)
    archives = [archive_of(tmp_path, 1), archive_of(tmp_path, 2)]
    folders = install_exports(tmp_path)
    assert [f.name for f in folders] == list(DATASETS)
    assert find_weights(1, data=tmp_path).config.folds == ("0",)
    assert all(a.is_file() for a in archives)
    assert install_exports(tmp_path, keep_archives=False) == folders
    shutil.rmtree(folders[0])
    install_exports(tmp_path, keep_archives=False)
    assert not archives[0].exists()


@pytest.mark.parametrize("entry", ["evil.txt", "../evil.txt", DATASETS[0] + "/../../evil.txt"])
def test_archives_may_not_write_elsewhere(tmp_path: Path, entry: str) -> None:
    path = archive_of(tmp_path, 1)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, "x")
    with pytest.raises(ModelError, match="not below"):
        install_exports(tmp_path)
    assert not list(tmp_path.rglob("evil.txt"))


def test_damaged_archive(tmp_path: Path) -> None:
    archive_of(tmp_path, 1).write_bytes(b"no archive")
    with pytest.raises(ModelError, match="damaged"):
        install_exports(tmp_path)
