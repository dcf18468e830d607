"""Enumerations, models, checks, paths and the one-call interface."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from TPTBox import BIDS_FILE, NII

import spineps_nipype.dropin as spineps
from spineps_nipype.core.images import load_image
from spineps_nipype.dropin import Acquisition, ErrCode, Modality
from spineps_nipype.dropin.compatibility import add_ignore_text
from spineps_nipype.errors import CompatibilityError, ModelError
from spineps_nipype.settings import EngineSettings

from ..tiny_packages import ZOOM, write_scan
from .conftest import Models

FAST = spineps.SemanticConfig(n4_bias_correction=False)


def bids(path: Path, root: Path) -> BIDS_FILE:
    return BIDS_FILE(path, root, verbose=False)


def test_every_name_is_there_and_importing_is_light() -> None:
    assert all(hasattr(spineps, name) for name in spineps.__all__)
    with pytest.raises(AttributeError):
        _ = spineps.no_such_name
    code = (
        "import sys, spineps_nipype.dropin\n"
        "assert not {'torch', 'nipype', 'nibabel', 'TPTBox'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_enumerations_compare_as_there() -> None:
    assert ErrCode.OK == "OK"
    assert str(ErrCode.ALL_DONE) == repr(ErrCode.ALL_DONE) == "ErrCode.ALL_DONE"
    assert [code.value for code in ErrCode] == [1, 2, 3, 4, 5, 6]
    assert "T2w" in Modality
    assert "T3w" not in Modality
    assert Modality.T2w != Acquisition.sag
    assert {Modality.T2w: 1}[Modality.T2w] == 1
    assert Modality.format_keys([Modality.CT, Modality.SEG]) == ["CT", "ct", "msk", "seg"]
    assert "sagittal" in Acquisition.format_keys(Acquisition.sag)
    assert {"T2w", "vibe", "ct"} <= set(Modality.known_format_keys())


def test_arguments_and_defaults_are_those_of_spineps() -> None:
    """A few that programs rely on; the order of the first ones, too."""
    names = list(inspect.signature(spineps.process_img_nii).parameters)
    assert names[:5] == [
        "img_ref",
        "model_semantic",
        "model_instance",
        "model_labeling",
        "derivative_name",
    ]
    dataset = inspect.signature(spineps.process_dataset).parameters
    assert list(dataset)[:4] == [
        "dataset_path",
        "model_instance",
        "model_semantic",
        "model_labeling",
    ]
    assert dataset["rawdata_name"].default == "rawdata"
    assert dataset["save_log_data"].default is True
    one = inspect.signature(spineps.segment).parameters
    defaults = [one[f"model_{kind}"].default for kind in ("semantic", "instance", "labeling")]
    assert defaults == ["t2w", "instance", "t2w_labeling"]
    groups = (
        spineps.SemanticConfig(),
        spineps.InstanceConfig(),
        spineps.LabelingConfig(),
        spineps.PostConfig(),
    )
    for group in groups:
        for name, value in group.to_kwargs().items():
            assert inspect.signature(spineps.process_img_nii).parameters[name].default == value


def test_paths() -> None:
    scan = bids(Path("/d/rawdata/sub-x/ses-01/sub-x_ses-01_acq-sag_T2w.nii.gz"), Path("/d"))
    paths = spineps.output_paths_from_input(scan, "derivatives_seg", None, "T2w")
    stem, home = "sub-x_ses-01_acq-sag_mod-T2w_seg-", Path("/d/derivatives_seg/sub-x/ses-01")
    raw = home / "output_raw_T2w"
    expected = {
        "out_spine": home / f"{stem}spine_msk.nii.gz",
        "out_vert": home / f"{stem}vert_msk.nii.gz",
        "out_ctd": home / f"{stem}spine_ctd.json",
        "out_snap": home / f"{stem}spine_snp.png",
        "out_snap2": home / f"{stem}spine_snp.png",
        "out_raw": raw,
        "out_spine_raw": raw / f"{stem}spine-raw_msk.nii.gz",
        "out_vert_raw": raw / f"{stem}vert-raw_msk.nii.gz",
        "out_logits": raw / f"{stem}spine_logit.npz",
        "out_unc": raw / f"{stem}spine_uncertainty.nii.gz",
        "out_debug": home / "debug_T2w",
        "out_vibeseg": home / f"{stem}VIBESeg-100_msk.nii.gz",
    }
    assert {key: paths[key] for key in expected} == expected
    copied = spineps.output_paths_from_input(scan, "derivatives_seg", "/pictures", "T2w")
    assert copied["out_snap2"] == Path("/pictures") / f"{stem}spine_snp.png"
    # A file at the root of its dataset: results beside it, as `segment` writes them.
    beside = bids(Path("/d/sub-x_T2w.nii.gz"), Path("/d"))
    paths = spineps.output_paths_from_input(beside, "out", None, "T2w")
    assert paths["out_spine"] == Path("/d/out/sub-x_mod-T2w_seg-spine_msk.nii.gz")
    plain = bids(Path("/d/myscan.nii.gz"), Path("/d"))
    paths = spineps.output_paths_from_input(plain, "out", None, "myscan", non_strict_mode=True)
    assert paths["out_spine"].name == "sub-myscan_mod-myscan_seg-spine_msk.nii.gz"
    assert paths["out_raw"].name == "output_raw_myscan"


def test_models_by_name_and_folder(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(packages))
    semantic = spineps.get_semantic_model("Tiny_Semantic", use_cpu=True)
    assert semantic.modelid() == "tiny_semantic"
    assert semantic.modalities() == [Modality.T2w, Modality.T1w]
    assert semantic.acquisition() == Acquisition.sag
    assert semantic.calc_recommended_resampling_zoom((1, 1, 1)) == ZOOM
    assert semantic.predictor is None
    assert semantic.load().predictor is not None
    assert semantic.dict_representation()["modality"] == "[Modality.T2w, Modality.T1w]"
    assert spineps.get_labeling_model("tiny_labeling").acquisition() == "sag"
    with pytest.raises(KeyError, match="tiny_instance") as found:
        spineps.get_instance_model("nothing")
    assert isinstance(found.value, ModelError)
    with pytest.raises(ModelError, match="labeling phase"):
        spineps.SegmentationModel(packages / "tiny_labeling")


def test_the_embedded_models_are_there_by_name() -> None:
    for kind in ("semantic", "instance", "labeling"):
        model = getattr(spineps, f"get_{kind}_model")(f"compact_{kind}", use_cpu=True)
        assert model.package.kind == kind


def test_the_best_model_is_found(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(packages))
    pair = (Modality.T1w, Acquisition.sag)
    assert spineps.find_best_matching_model(pair, ZOOM).modelid() == "tiny_semantic"
    finer = spineps.find_best_matching_model(pair, (1.0, 1.0, 2.0))
    assert finer.modelid() == "compact_semantic"  # its resolution is nearer
    with pytest.raises(CompatibilityError, match="compact_semantic"):
        spineps.find_best_matching_model((Modality.CT, Acquisition.ax), None)


def test_checks_of_pairs_and_scans(models: Models, tmp_path: Path) -> None:
    semantic = models[0]
    fits = spineps.check_model_modality_acquisition
    assert fits(semantic, (Modality.T2w, Acquisition.sag))
    assert fits(semantic, ([Modality.T2w, Modality.T1w], Acquisition.sag))
    assert not fits(semantic, ([Modality.T2w, Modality.CT], Acquisition.sag))
    assert not fits(semantic, (Modality.T2w, Acquisition.ax))

    def check(name: str, **ignore: bool) -> bool:
        path = write_scan(tmp_path / name)
        return spineps.check_input_model_compatibility(
            bids(path, tmp_path), model=semantic, **ignore
        )

    assert check("sub-x_T2w.nii.gz")
    assert check("sub-x_acq-sag_T2w.nii.gz")
    assert not check("sub-x_ct.nii.gz")
    assert check("sub-x_ct.nii.gz", ignore_modality=True)
    assert not check("sub-x_acq-ax_T2w.nii.gz")
    assert check("sub-x_acq-ax_T2w.nii.gz", ignore_acquisition=True)
    assert not check("sub-x_label-6_T2w.nii.gz")
    assert check("sub-x_label-6_T2w.nii.gz", ignore_labelkey=True)
    assert not check("sub-debug_T2w.nii.gz", ignore_modality=True)
    image = load_image(tmp_path / "sub-x_T2w.nii.gz")
    turned = NII.from_numpy(image.get_array(), image.affine @ np.diag([1, 1, 9, 1]), False)
    path = bids(tmp_path / "sub-x_T2w.nii.gz", tmp_path)
    assert not spineps.check_input_model_compatibility(path, semantic, img_nii=turned)


def test_a_mark_for_what_is_overlooked() -> None:
    texts = ["first.", "second."]
    add_ignore_text(texts)
    assert texts == ["first.", "second (IGNORED)."]


def test_one_call_for_a_file_and_for_an_image(packages: Path, tmp_path: Path) -> None:
    path = write_scan(tmp_path / "sub-x_T2w.nii.gz")
    folders = {
        f"model_{kind}": packages / f"tiny_{kind}" for kind in ("semantic", "instance", "labeling")
    }
    result = spineps.segment(path, **folders, semantic=FAST, use_cpu=True)  # type: ignore[arg-type]
    assert result.success
    assert result.semantic is None
    assert result.output_paths is not None
    stored = result.output_paths["out_vert"]
    assert stored.parent == tmp_path / "derivatives_seg"

    pipeline = spineps.SpinepsPipeline(*map(str, folders.values()), use_cpu=True)
    image = load_image(path)
    found = pipeline.segment(image, semantic=FAST)
    assert found.errcode == ErrCode.OK
    assert found.output_paths is None
    assert found.vertebra is not None
    assert found.centroids is not None
    np.testing.assert_array_equal(found.vertebra.get_array(), load_image(stored).get_array())
    unnamed = spineps.SpinepsPipeline(*map(str, list(folders.values())[:2]), "none", use_cpu=True)
    counted = unnamed.segment(path, output_in_memory=True, override=True, semantic=FAST)
    assert counted.vertebra is not None
    assert min(n for n in np.unique(counted.vertebra.get_array()) if n) == 2


def test_one_call_refuses_what_is_no_image(tmp_path: Path, models: Models) -> None:
    pipeline = spineps.SpinepsPipeline(*models)
    with pytest.raises(FileNotFoundError):
        pipeline.segment(tmp_path / "sub-x_T2w.nii.gz")
    with pytest.raises(ValueError, match="nii"):
        pipeline.segment(tmp_path / "sub-x_T2w.mha")
    with pytest.raises(ValueError, match="labelling"):
        spineps.SpinepsPipeline("none", models[1])


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_the_engine_is_that_of_the_caller_and_stands_in_the_records(
    engine: str, packages: Path, tmp_path: Path
) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    path = write_scan(tmp_path / "sub-x_T2w.nii.gz")
    chosen = EngineSettings(engine)  # type: ignore[arg-type]
    pipeline = spineps.SpinepsPipeline(
        packages / "tiny_semantic",
        packages / "tiny_instance",
        None,
        use_cpu=True,
        engine=chosen,
    )
    network = pipeline.model_semantic.predictor
    assert type(network._engine).__name__.lower().startswith(engine)
    paths = pipeline.segment(path, semantic=FAST).output_paths
    assert paths is not None
    record = json.loads(paths["out_spine"].with_suffix("").with_suffix(".json").read_text())
    assert record["Provenance"]["Settings"]["engine"] == asdict(chosen)
