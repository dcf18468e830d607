"""Installation from archives that lie on the same machine."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from spineps_nipype.errors import ModelError
from spineps_nipype.models import folders
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.install import SOURCE
from spineps_nipype.models.places import TOOLBOX_MODELS, TOOLBOX_VARIABLE
from spineps_nipype.sc_epi.model import install_model, model_url

from .tiny_epi import write_archive


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("archive") / "model-v0.2"
    write_archive(folder)
    return folder


def zipped(folder: Path, target: Path) -> str:
    """Address of an archive with the folder as its only member."""
    return Path(shutil.make_archive(str(target), "zip", folder.parent, folder.name)).as_uri()


def test_the_folder_around_the_trainer_is_stripped(unpacked: Path, tmp_path: Path) -> None:
    home = tmp_path / "installed"
    url = zipped(unpacked, tmp_path / "model")
    package = install_model(url, home)
    assert [p.name for p in home.iterdir() if p.is_dir()] == [package.package.folder.name]
    source = json.loads((home / SOURCE).read_text())
    assert source == {
        "model_name": "model_seg_sc_epi_nnunet",
        "model_urls": [url],
        "custom": True,
    }
    assert model_url(package) == url
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_tar_with_the_trainer_at_its_top(unpacked: Path, tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    trainer = next(unpacked.iterdir())
    with tarfile.open(archive, "w:gz") as stream:
        stream.add(trainer, trainer.name)
    package = install_model(archive.as_uri(), tmp_path / "installed")
    assert package.package.folder == tmp_path / "installed" / trainer.name


def test_a_bad_archive_leaves_the_old_model(unpacked: Path, tmp_path: Path) -> None:
    home = tmp_path / "installed"
    digest = install_model(zipped(unpacked, tmp_path / "model"), home).package.digest
    (tmp_path / "empty").mkdir()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no archive")
    for url in (broken.as_uri(), zipped(tmp_path / "empty", tmp_path / "none")):
        with pytest.raises(ModelError):
            install_model(url, home)
    with pytest.raises(ModelError, match="does not exist"):
        install_model((tmp_path / "absent.zip").as_uri(), home)
    with pytest.raises(ModelError, match="no address"):
        install_model("model.zip", home)
    assert find_package("sc-epi", "cord", home).digest == digest


def test_where_the_model_is_looked_for(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv(TOOLBOX_VARIABLE, raising=False)
    monkeypatch.setattr(folders, "embedded_system", lambda _: None)
    with pytest.raises(ModelError, match="spineps-sc-epi -install"):
        find_package("sc-epi", "cord")
    monkeypatch.setattr(folders, "embedded_system", lambda _: unpacked)
    assert find_package("sc-epi", "cord").folder.parent == unpacked
    monkeypatch.setenv(TOOLBOX_VARIABLE, str(tmp_path))
    installed = install_model(zipped(unpacked, tmp_path / "model"))
    assert installed.package.folder.is_relative_to(tmp_path / TOOLBOX_MODELS)
    assert find_package("sc-epi", "cord").folder == installed.package.folder
