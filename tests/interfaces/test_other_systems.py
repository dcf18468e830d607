"""The shells of EPISeg, spine-segmentation and the nomenclature."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype import interfaces
from spineps_nipype.errors import CompatibilityError, InputError, ModelError
from spineps_nipype.interfaces.settings_traits import read_settings
from spineps_nipype.models.finding import package_in
from spineps_nipype.sc_epi.settings import CleanUpSettings, QcSettings
from spineps_nipype.spine_segmentation.settings import NamingSettings, SliceSettings

from ..sc_epi.tiny_epi import LIMIT, UNIT, write_archive
from ..spine_segmentation.test_inference import Oracle, picture

AFFINE = np.diag([-1.0, 1, 5, 1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> str:
    nib.save(nib.Nifti1Image(array, affine), path)
    return str(path)


def array_of(path: str) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def epi() -> np.ndarray:
    data = np.full((24, 20, 6), 50.0, np.float32)
    data[10:14, 8:12, :] = 120
    data[20, 3, 2] = 130
    data[11, 9, 3] = 98
    return data


@pytest.fixture
def model(folder: Path) -> dict[str, Any]:
    write_archive(folder / "model")
    digest = package_in(folder / "model", "sc-epi").digest
    return {"model_dir": str(folder / "model"), "model_digest": digest}


def test_the_cord_is_found_on_the_grid_of_the_image(folder: Path, model: dict[str, Any]) -> None:
    in_file = stored(folder / "epi.nii.gz", epi())
    found = interfaces.EPISeg(in_file=in_file, **model).run().outputs
    np.testing.assert_array_equal(array_of(found.out_file), epi() > LIMIT)
    np.testing.assert_allclose(nib.load(found.out_file).affine, AFFINE)
    assert found.suffixes == ["_seg"]
    clean = interfaces.EPISeg(in_file=in_file, largest=True, fill_holes=True, **model)
    expected = np.zeros(epi().shape, bool)
    expected[10:14, 8:12] = True
    np.testing.assert_array_equal(array_of(clean.run().outputs.out_file), expected)


def test_probabilities(folder: Path, model: dict[str, Any]) -> None:
    in_file = stored(folder / "epi.nii.gz", epi())
    soft = array_of(interfaces.EPISeg(in_file=in_file, thr=0.0, **model).run().outputs.out_file)
    expected = 1 / (1 + np.exp((LIMIT - epi()) / UNIT))
    np.testing.assert_allclose(soft, expected, atol=1e-3)
    at = interfaces.EPISeg(in_file=in_file, thr=0.4, **model).run().outputs.out_file
    np.testing.assert_array_equal(array_of(at), expected > 0.4)


def test_every_volume_of_a_series(folder: Path, model: dict[str, Any]) -> None:
    in_file = stored(folder / "epi.nii.gz", np.stack([epi(), epi() * 0.9, epi() * 0.5], axis=3))
    with pytest.raises(InputError, match="4-D"):
        interfaces.EPISeg(in_file=in_file, **model).run()
    each = interfaces.EPISeg(in_file=in_file, on_4d="each", **model).run().outputs
    masks = array_of(each.out_file)
    assert masks.shape == (24, 20, 6, 3)
    assert masks.sum(axis=(0, 1, 2)).tolist() == [96, 96, 0]
    mean = interfaces.EPISeg(in_file=in_file, on_4d="mean", **model).run().outputs
    assert array_of(mean.reference).shape == array_of(mean.out_file).shape == (24, 20, 6)


def test_changed_weights_are_refused(folder: Path, model: dict[str, Any]) -> None:
    in_file = stored(folder / "epi.nii.gz", epi())
    (folder / "model" / "new").write_text("x")
    fold = next((folder / "model").glob("*/fold_0"))
    (fold / "new").write_text("x")
    with pytest.raises(ModelError, match="has changed"):
        interfaces.EPISeg(in_file=in_file, **model).run()


def test_quality_control(folder: Path) -> None:
    in_file = stored(folder / "epi.nii.gz", epi())
    seg_file = stored(folder / "seg.nii.gz", (epi() > LIMIT).astype(np.uint8))
    found = interfaces.EPISegQC(
        in_file=in_file, seg_file=seg_file, crop_file=seg_file, qc_plane="Sagittal"
    ).run()
    for path in (found.outputs.background, found.outputs.overlay):
        assert Path(path).parent == folder
        assert Path(path).read_bytes().startswith(b"\x89PNG")


class Session:
    def __init__(self, path: str, **_: Any) -> None:
        self.oracle = Oracle(3 if "semantic" in path else 26)

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="pixels")]

    def run(self, _: None, feeds: dict[str, Any]) -> list[Any]:
        return [self.oracle.predict(feeds["pixels"])]


def test_spine_segmentation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=Session)
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    models = {}
    for role in ("semantic_model", "instance_model"):
        models[role] = str(folder / f"{role}.onnx")
        Path(models[role]).write_text("whole")
    upright = nib.Nifti1Image(picture(), np.diag([3.0, 1, 1, 1]))
    turned = upright.as_reoriented([[2, -1], [1, 1], [0, 1]])
    nib.save(turned, folder / "scan.nii.gz")
    shell = interfaces.SpineSegmentation(
        in_file=str(folder / "scan.nii.gz"),
        normalise=False,
        resample=False,
        engine="torch",
        **models,
    )
    found = shell.run().outputs
    assert array_of(found.instances).shape == turned.shape
    assert set(np.unique(array_of(found.instances))) == {0, 41, 42, 43, 44, 45, 46, 49}
    assert set(np.unique(array_of(found.semantic))) == {0, 1, 2}
    table = Path(found.names).read_text().splitlines()
    assert any(line.startswith("46\tL5-S1\t") for line in table)
    assert len(Path(found.vertebrae).read_text().splitlines()) == 5


def test_conversion(folder: Path) -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[0], labels[1], labels[2] = 45, 100, 46
    in_file = stored(folder / "tss.nii.gz", labels)
    shell = interfaces.ConvertLabels(in_file=in_file, source="totalspineseg", target="spineps")
    first, second = folder / "first", folder / "second"
    first.mkdir()
    second.mkdir()
    found = shell.run(cwd=first).outputs
    assert np.unique(array_of(found.out_file)).tolist() == [0, 24, 25, 125]
    assert np.unique(array_of(found.out_spine)).tolist() == [0, 40, 100]
    assert found.extent == "whole"
    back = interfaces.ConvertLabels(
        in_file=found.out_file,
        spine_file=found.out_spine,
        source="spineps",
        target="totalsegmentator",
        numbering="anatomical",
    )
    again = back.run(cwd=second).outputs
    losses = Path(again.losses).read_text().splitlines()
    assert losses[0] == "name\tvoxels\tkind\treason"
    assert any(line.startswith("vertebra_L6\t16\tdropped") for line in losses)
    back.inputs.strict = True
    with pytest.raises(CompatibilityError, match="vertebra_L6"):
        back.run(cwd=second)
    unknown = interfaces.ConvertLabels(
        in_file=found.out_file, source="spineps", target="totalspineseg"
    )
    with pytest.raises(CompatibilityError, match="counted"):
        unknown.run(cwd=second)


def test_options_have_the_defaults_of_the_settings() -> None:
    for shell, groups in (
        (interfaces.EPISeg(), [CleanUpSettings]),
        (interfaces.EPISegQC(), [QcSettings]),
        (interfaces.SpineSegmentation(), [SliceSettings, NamingSettings]),
    ):
        for group in groups:
            assert read_settings(shell.inputs, group) == group()
        assert shell.inputs.numerics == "corrected"
