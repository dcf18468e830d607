from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import EmptyResultError, InputError, ModelError
from spineps_nipype.models.finding import package_in
from spineps_nipype.models.protocols import SemanticPrediction
from spineps_nipype.models.result_folders import epi_orientation
from spineps_nipype.sc_epi.model import (
    EpiOutput,
    epi_package,
    outputs_of,
    with_mirroring,
)
from spineps_nipype.sc_epi.naming import output_paths, qc_names
from spineps_nipype.sc_epi.recipe import result_name
from spineps_nipype.sc_epi.segment import segment_epi
from spineps_nipype.sc_epi.settings import CleanUpSettings, EpiSegSettings
from spineps_nipype.sc_epi.volumes import load_epi, save_series
from tests.models.conftest import write_result_json

CORD = (EpiOutput("_seg", (1,)),)
AFFINE = np.diag([1.0, 1, 5, 1])


class Oracle:
    """Intensity is the probability of class 1; two classes share it where asked for."""

    def __init__(self, classes: int = 2) -> None:
        self.config: Any = SimpleNamespace(orientation=("R", "A", "S"))
        self.classes, self.asked = classes, []

    def predict(self, image: NII, **options: Any) -> SemanticPrediction:
        assert image.orientation == ("R", "A", "S")
        self.asked.append(options)
        data = image.get_array()
        labels = (data > 0.5).astype(np.uint8)
        if self.classes == 3:
            labels[data > 0.8] = 2
        soft = None
        if options["probabilities"]:
            soft = np.stack([1 - data, data, *[0 * data] * (self.classes - 2)]).astype(np.float32)
        return SemanticPrediction(
            image.set_array(labels, seg=True), soft, tuple(range(self.classes))
        )


def image(data: np.ndarray | None = None) -> NII:
    if data is None:
        data = np.zeros((10, 10, 4), np.float32)
        data[3:6, 3:6, :] = 0.7
        data[8, 8, 0] = 0.9
        data[1, 1, :2] = 0.3
    return NII(nib.Nifti1Image(data.astype(np.float32), AFFINE), False)


def run(**clean_up: Any) -> np.ndarray:
    settings = EpiSegSettings(clean_up=CleanUpSettings(**clean_up))
    return segment_epi(image(), Oracle(), CORD, settings)["_seg"].get_array()


def test_the_class_that_the_network_prefers() -> None:
    mask = run()
    assert mask.dtype == np.uint8
    assert mask.sum() == 37


def test_threshold() -> None:
    np.testing.assert_array_equal(run(thr=0), image().get_array())
    assert run(thr=0.2).sum() == 39
    assert run(thr=0.8).sum() == 1
    plain = EpiSegSettings(clean_up=CleanUpSettings(thr=0.2), numerics="original")
    assert segment_epi(image(), Oracle(), CORD, plain)["_seg"].get_array().sum() == 37


def test_objects() -> None:
    assert run(largest=True).sum() == 36
    assert run(remove_small="6mm3").sum() == 37  # one voxel of 5 mm3 is as good as 6
    assert run(remove_small="10mm3").sum() == 36


@pytest.mark.parametrize("codes", ["LPI", "PIR", "SAL"])
def test_results_return_to_the_orientation_of_the_image(codes: str) -> None:
    turned = image().reorient(tuple(codes))
    mask = segment_epi(turned, Oracle(), CORD, EpiSegSettings())["_seg"]
    assert mask.orientation == tuple(codes)
    np.testing.assert_allclose(mask.affine, turned.affine)
    np.testing.assert_array_equal(mask.get_array() > 0, turned.get_array() > 0.5)


def test_every_class_has_its_file_and_its_size() -> None:
    outputs = (EpiOutput("_cord_seg", (1,)), EpiOutput("_canal_seg", (1, 2)))
    settings = EpiSegSettings(clean_up=CleanUpSettings(remove_small="1vox 40vox"))
    masks = segment_epi(image(), Oracle(3), outputs, settings)
    assert list(masks) == ["_cord_seg", "_canal_seg"]
    assert masks["_cord_seg"].get_array().sum() == 36
    assert masks["_canal_seg"].get_array().sum() == 0
    with pytest.raises(InputError, match="threshold length"):
        segment_epi(image(), Oracle(3), outputs, replace(settings, numerics="original"))
    plain = segment_epi(image(), Oracle(3), outputs, EpiSegSettings())
    assert plain["_canal_seg"].get_array().sum() == 36  # the canal is one object


def test_levels_stay_one_file() -> None:
    masks = segment_epi(image(), Oracle(3), (EpiOutput("_rootlets", None),), EpiSegSettings())
    assert np.unique(masks["_rootlets"].get_array()).tolist() == [0, 1, 2]


def test_mirroring_is_asked_for() -> None:
    network = Oracle()
    segment_epi(image(), network, CORD, EpiSegSettings(tta=True))
    assert network.asked[0]["tta"] is True


@pytest.mark.parametrize(
    ("labels", "suffixes"),
    [
        ({"background": 0, "sc": 1}, ["_seg"]),
        ({"background": 0, "bold": 1}, ["_bold_seg"]),
        ({"background": 0, "lvl1": 1, "lvl2": 2}, ["_rootlets"]),
        ({"background": 0, "cord": 1, "canal": [1, 2]}, ["_cord_seg", "_canal_seg"]),
    ],
)
def test_files_of_a_model(labels: dict[str, Any], suffixes: list[str]) -> None:
    assert [o.suffix for o in outputs_of({"labels": labels})] == suffixes


def test_orientation_of_a_model() -> None:
    assert epi_orientation({}, {}) == ("R", "A", "S")
    assert epi_orientation({"image_orientation": "RPI"}, {}) == ("L", "A", "S")
    lesion = {"dataset_name": "Dataset501_RegionBasedLesionSeg"}
    assert epi_orientation({}, lesion) == ("P", "S", "R")
    with pytest.raises(ModelError, match="LLI"):
        epi_orientation({"image_orientation": "LLI"}, {})


def archive(folder: Path, folds: tuple[str, ...] = ("0", "1")) -> Path:
    home = folder / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    for fold in folds:
        (home / f"fold_{fold}").mkdir(parents=True)
    write_result_json(home, {"background": 0, "sc": 1})
    return home


def test_an_unpacked_archive_is_a_package(tmp_path: Path) -> None:
    home = archive(tmp_path)
    found = epi_package(package_in(tmp_path, "sc-epi"))
    assert found.package.folder == home
    assert found.package.config.folds == ("0", "1")
    assert found.outputs == CORD
    assert found.orientation == ("R", "A", "S")
    assert not found.package.config.mirroring
    assert with_mirroring(found).package.config.mirroring
    assert epi_package(package_in(home, "sc-epi")).package.digest == found.package.digest


def test_one_fold_of_everything(tmp_path: Path) -> None:
    archive(tmp_path, ("all",))
    assert epi_package(package_in(tmp_path, "sc-epi")).package.config.folds == ("all",)


def test_bad_packages(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not installed"):
        epi_package(package_in(tmp_path / "absent", "sc-epi"))
    with pytest.raises(ModelError, match="found: none"):
        epi_package(package_in(tmp_path, "sc-epi"))
    home = archive(tmp_path)
    (home / "plans.json").write_text("[")
    with pytest.raises(ModelError, match="damaged"):
        epi_package(package_in(tmp_path, "sc-epi"))
    (tmp_path / "nnUNetTrainerOther" / "fold_0").mkdir(parents=True)
    with pytest.raises(ModelError, match="exactly one"):
        epi_package(package_in(tmp_path, "sc-epi"))


def series(path: Path, count: int = 3) -> Path:
    data = np.stack([image().get_array() * (i + 1) for i in range(count)], axis=3)
    nib.Nifti1Image(data, AFFINE).to_filename(path)
    return path


def test_several_volumes(tmp_path: Path) -> None:
    path = series(tmp_path / "epi.nii.gz")
    with pytest.raises(InputError, match="4-D with 3 volumes"):
        load_epi(path)
    (mean,) = load_epi(path, "mean")
    np.testing.assert_allclose(mean.get_array(), image().get_array() * 2, rtol=1e-6)
    each = load_epi(path, "each")
    assert len(each) == 3
    np.testing.assert_allclose(each[2].get_array(), image().get_array() * 3, rtol=1e-6)
    for choice in ("mean", "each"):
        with pytest.raises(InputError, match="4-D"):
            load_epi(path, choice, numerics="original")  # type: ignore[arg-type]


def test_single_volumes_are_themselves_under_every_rule(tmp_path: Path) -> None:
    path = tmp_path / "epi.nii.gz"
    image().nii.to_filename(path)
    for choice in ("error", "mean", "each"):
        (one,) = load_epi(path, choice)  # type: ignore[arg-type]
        np.testing.assert_array_equal(one.get_array(), image().get_array())


def test_a_constant_volume_is_named(tmp_path: Path) -> None:
    data = np.stack([image().get_array(), np.zeros((10, 10, 4), np.float32)], axis=3)
    nib.Nifti1Image(data, AFFINE).to_filename(tmp_path / "epi.nii.gz")
    with pytest.raises(EmptyResultError, match="Volume 1 of 2 is constant"):
        load_epi(tmp_path / "epi.nii.gz", "each")


@pytest.mark.parametrize("name", ["seg.nii.gz", "seg.nii"])
def test_a_series_is_written_as_one_file(tmp_path: Path, name: str) -> None:
    masks = [segment_epi(image(), Oracle(), CORD, EpiSegSettings())["_seg"]] * 2
    path = save_series(masks, tmp_path / name)
    stored = nib.load(path)
    assert stored.shape == (10, 10, 4, 2)
    assert stored.get_data_dtype() == np.uint8
    first = path.read_bytes()
    assert save_series(masks, path).read_bytes() == first
    assert nib.load(save_series(masks[:1], path)).shape == (10, 10, 4)
    soft = [image()] * 2
    assert nib.load(save_series(soft, path)).get_data_dtype() == np.float32


A, B = Path("/data/a_bold.nii.gz"), Path("/data/b_bold.nii")


def names(*arguments: Any, **options: Any) -> list[list[str]]:
    return [[p.as_posix() for p in row] for row in output_paths(*arguments, **options)]


def test_each_image_names_its_result() -> None:
    assert names([A, B], ["_seg"]) == [["/data/a_bold_seg.nii.gz"], ["/data/b_bold_seg.nii.gz"]]
    same = names([A, B], ["_seg"], numerics="original")
    assert same == [["/data/a_bold_seg.nii.gz"]] * 2


def test_stated_names() -> None:
    assert names([A], ["_seg"], "out/x.nii") == [["out/x.nii"]]
    assert names([A], ["_seg"], "out/x") == [["out/x.nii.gz"]]
    assert names([A], ["_seg"], "out/x", numerics="original") == [["out/x"]]
    two = ["_cord_seg", "_canal_seg"]
    assert names([A], two, "x.nii.gz") == [["x_cord_seg.nii.gz", "x_canal_seg.nii.gz"]]
    assert names([A, B], ["_seg"], "x") == [["x_a_bold_seg.nii.gz"], ["x_b_bold_seg.nii.gz"]]
    kept = names([A, B], ["_seg"], "x.nii.gz", numerics="original")
    assert kept == [["x_seg.nii.gz"]] * 2


def test_equal_names_are_refused() -> None:
    other = Path("/data/a_bold.nii")
    with pytest.raises(InputError, match="same name"):
        output_paths([A, other], ["_seg"])


def test_names_of_an_entry() -> None:
    found = qc_names(Path("/study/sub-01/func/x.nii.gz"))
    assert (found.dataset, found.subject, found.contrast) == ("study", "sub-01", "func")
    stated = qc_names(Path("/x.nii.gz"), "d", "s")
    assert (stated.dataset, stated.subject, stated.contrast) == ("d", "s", "")


@pytest.mark.parametrize(
    "name", ["/../../../evil", "..", "a/b", "x\0y", "n" * 400, "/" + "../" * 30 + "tmp/evil"]
)
def test_a_label_of_a_package_cannot_lead_out_of_a_folder(tmp_path: Path, name: str) -> None:
    (output,) = outputs_of({"labels": {"background": 0, name: 1}})
    path = tmp_path / f"sub-a_bold{output.suffix}.nii.gz"
    assert path.resolve().parent == tmp_path.resolve()
    path.touch()
    assert result_name(output.suffix).isidentifier(), "it names an input of a node"


def test_labels_that_become_one_name_are_refused() -> None:
    with pytest.raises(ModelError, match="same file name"):
        outputs_of({"labels": {"background": 0, "a/b": 1, "a:b": 2}})
