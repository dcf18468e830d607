from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import ModelError, ResourceError, SpinepsError
from spineps_nipype.models import folders
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.onnx_network import OnnxNetwork, batches, cuda_index
from spineps_nipype.models.places import SLICE_FILES
from spineps_nipype.settings import EngineSettings
from spineps_nipype.spine_segmentation.inference import (
    Corrected,
    SegmentationInference,
    segment_image,
)
from spineps_nipype.spine_segmentation.settings import SliceSettings, SpineSegmentationSettings
from spineps_nipype.spine_segmentation.slices import HEIGHT, WIDTH

from .blocks import block_spine, column

NAMES = ["L3", "L4", "L5", "S1"]


class Oracle:
    """Reads the class of a pixel from its intensity: class / 100 in the middle channel."""

    def __init__(self, classes: int) -> None:
        self.classes, self.calls = classes, []

    def predict(self, items: np.ndarray) -> np.ndarray:
        assert items.shape[1:] == (3, WIDTH, HEIGHT)
        assert items.dtype == np.float32
        self.calls.append(len(items))
        seen = np.rint(items[:, 1] * 100).astype(int)
        shown = np.where(seen == 40, 2, np.minimum(seen, 1)) if self.classes == 3 else seen
        shown = np.where(shown >= self.classes, 0, shown)
        return (shown[:, None] == np.arange(self.classes)[:, None, None]).astype(np.float32)


def picture() -> np.ndarray:
    """A spine whose grey values are its classes; discs are 0.40."""
    semantic, classes = block_spine(NAMES)
    return np.where(semantic == 2, 0.4, classes / 100).astype(np.float32)


def inference(**keywords: Any) -> SegmentationInference:
    plain = SpineSegmentationSettings(slices=SliceSettings(normalise=False, slice_batch=4))
    return SegmentationInference(
        **{
            "semantic_model": Oracle(3),
            "instance_model": Oracle(26),
            "settings": plain,
            "output_same_shape_as_input": True,
            "engine": EngineSettings("torch"),
            **keywords,
        }
    )


def test_names_on_the_grid_of_the_input() -> None:
    volume = picture()
    result = inference().segment(volume)
    assert result.semantic_segmentation.shape == volume.shape
    np.testing.assert_array_equal(result.semantic_segmentation == 2, volume == np.float32(0.4))
    assert result.instance_segmentation is not None
    assert column(result.instance_segmentation) == [41, 42, 43, 44, 45, 46, 49]
    assert result.id_to_label[46] == "L5-S1"
    assert [v.name for v in result.vertebrae] == NAMES


def test_without_the_grid_of_the_input_slices_have_the_size_of_the_network() -> None:
    result = inference(output_same_shape_as_input=False).segment(picture())
    assert result.semantic_segmentation.shape == (6, WIDTH, HEIGHT)


class Everywhere(Oracle):
    """Sees a body in the padding too."""

    def predict(self, items: np.ndarray) -> np.ndarray:
        scores = super().predict(items)
        scores[:, 0, :, -20:-5] = -1
        scores[:, 1, :, -20:-5] = 9
        return scores


def test_what_a_network_sees_in_the_padding_is_nothing() -> None:
    result = inference(semantic_model=Everywhere(3)).segment(picture())
    plain = inference().segment(picture())
    np.testing.assert_array_equal(result.semantic_segmentation, plain.semantic_segmentation)
    assert [v.name for v in result.vertebrae] == NAMES
    whole = inference(semantic_model=Everywhere(3), output_same_shape_as_input=False)
    assert not whole.segment(picture()).semantic_segmentation[:, :, -20:].any()


def test_two_classes_need_no_second_network_and_no_disc() -> None:
    model = inference(instance_model="absent.onnx")
    volume = np.zeros((2, 20, 30), np.float32)
    volume[:, 5:10, 5:10] = 0.01
    result = model.segment(volume, only_2class_segmentation=True)
    assert result.instance_segmentation is None
    assert np.unique(result.semantic_segmentation).tolist() == [0, 1]


class Never(Oracle):
    """A network that nobody needs."""

    def predict(self, items: np.ndarray) -> np.ndarray:
        raise AssertionError(f"a network computes {len(items)} slices")


def test_a_corrected_mask_of_two_classes_stands_for_the_first_network() -> None:
    volume = picture()
    plain = inference().segment(volume).semantic_segmentation
    corrected = np.where(plain == 2, 0, plain)
    corrected[:, :, volume[0].any(axis=0).argmax() + 60 :] = 0
    model = inference(semantic_model=Never(3))
    result = model.segment(volume, corrected=Corrected(semantic=corrected))
    np.testing.assert_array_equal(result.semantic_segmentation, corrected)
    assert result.instance_segmentation is not None
    assert not result.instance_segmentation[corrected == 0].any()
    two = model.segment(
        volume, only_2class_segmentation=True, corrected=Corrected(semantic=corrected)
    )
    assert two.instance_segmentation is None


@pytest.mark.parametrize("resample", [False, True])
def test_an_unchanged_correction_changes_no_name(resample: bool) -> None:
    slices = SliceSettings(normalise=False, resample=resample, pixel_size=0.8)
    settings = SpineSegmentationSettings(slices=slices)
    plain = inference(settings=settings).segment(picture(), spacing=(3, 1, 1))
    again = inference(settings=settings, semantic_model=Never(3)).segment(
        picture(), spacing=(3, 1, 1), corrected=Corrected(plain.semantic_segmentation)
    )
    np.testing.assert_array_equal(again.semantic_segmentation, plain.semantic_segmentation)
    assert [v.name for v in again.vertebrae] == [v.name for v in plain.vertebrae]
    assert plain.instance_segmentation is not None
    assert again.instance_segmentation is not None
    same = again.instance_segmentation == plain.instance_segmentation
    assert same[plain.instance_segmentation > 0].mean() > (0.97 if resample else 0.9999)


def test_corrected_instances_need_no_network_of_names() -> None:
    ids = inference().segment(picture()).instance_segmentation
    assert ids is not None
    lower = np.where((ids > 0) & (ids % 2 == 1), ids - 2, ids)
    result = inference(instance_model=Never(26)).segment(
        picture(), corrected=Corrected(instances=lower)
    )
    assert result.instance_segmentation is not None
    np.testing.assert_array_equal(result.instance_segmentation, lower)
    assert result.vertebrae == []
    assert result.id_to_label[43] == "L4"


def test_slices_go_in_batches() -> None:
    model = Oracle(3)
    inference(semantic_model=model).segment(picture(), only_2class_segmentation=True)
    assert model.calls == [4, 2]
    assert [(b.start, b.stop) for b in batches(5, 2)] == [(0, 2), (2, 4), (4, 5)]


def test_a_network_with_other_classes_is_refused() -> None:
    with pytest.raises(ModelError, match="semantic network returned"):
        inference(semantic_model=Oracle(4)).segment(picture())


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SAL"])
def test_orientation_does_not_matter(codes: str) -> None:
    view_as_pir = NII(nib.Nifti1Image(picture(), np.diag([3.0, 1, 1, 1])), False)
    turned = view_as_pir.reorient(tuple(codes))
    semantic, instances, _ = segment_image(
        turned,
        inference(
            settings=SpineSegmentationSettings(slices=SliceSettings(False, normalise=False))
        ),
    )
    assert instances is not None
    assert instances.orientation == semantic.orientation == turned.orientation
    np.testing.assert_allclose(instances.affine, turned.affine)
    assert column(instances.reorient(("R", "A", "S")).get_array())[0] == 41


def test_images_need_their_own_grid() -> None:
    image = NII(nib.Nifti1Image(picture(), np.eye(4)), False)
    with pytest.raises(SpinepsError, match="output_same_shape_as_input"):
        segment_image(image, inference(output_same_shape_as_input=False))


class Session:
    """Stand-in for onnxruntime that remembers how it was made."""

    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, path: str, sess_options: Any, providers: list[Any]) -> None:
        if Path(path).read_text() == "broken":
            raise RuntimeError("bad protobuf")
        Session.made.append({"path": path, "providers": providers, "options": sess_options})
        self.classes = 3 if "semantic" in path else 26

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="pixels")]

    def run(self, _: None, feeds: dict[str, Any]) -> list[Any]:
        return [Oracle(self.classes).predict(feeds["pixels"])]


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Any:
    fake = SimpleNamespace(
        SessionOptions=SimpleNamespace,
        InferenceSession=Session,
        get_available_providers=lambda: ["CPUExecutionProvider"],
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    monkeypatch.setattr(Session, "made", [])
    return fake


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    pair = tmp_path / "semantic.onnx", tmp_path / "names.onnx"
    for path in pair:
        path.write_text("whole")
    return pair


def test_onnx_files(runtime: Any, files: tuple[Path, Path]) -> None:
    model = inference(semantic_model=files[0], instance_model=str(files[1]), num_threads=3)
    result = model.segment(picture())
    assert result.instance_segmentation is not None
    assert column(result.instance_segmentation)[-1] == 49
    assert [m["providers"] for m in Session.made] == [["CPUExecutionProvider"]] * 2
    assert Session.made[0]["options"].intra_op_num_threads == 3


def test_results_are_kept_where_asked(runtime: Any, files: tuple[Path, Path]) -> None:
    folder = files[0].parent / "kept"
    model = inference(semantic_model=files[0], instance_model=files[1])
    first = model.segment(picture(), cache_dir=folder)
    (kept,) = folder.iterdir()
    again = inference(semantic_model=files[0], instance_model=files[1])
    before = len(Session.made)
    second = again.segment(picture(), cache_dir=folder)
    assert len(Session.made) == before
    np.testing.assert_array_equal(first.instance_segmentation, second.instance_segmentation)
    assert first.id_to_label == second.id_to_label
    assert first.vertebrae == second.vertebrae
    again.segment(picture() * np.float32(0.99999), cache_dir=folder)
    assert len(list(folder.iterdir())) == 2
    two = again.segment(picture(), cache_dir=folder, only_2class_segmentation=True)
    assert two.instance_segmentation is None
    assert kept.exists()


def test_kept_results_of_another_version_do_not_count(
    runtime: Any, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = files[0].parent / "kept"
    model = inference(semantic_model=files[0], instance_model=files[1])
    model.segment(picture(), cache_dir=folder)
    monkeypatch.setattr("spineps_nipype.spine_segmentation.inference.__version__", "0.0.0")
    model.segment(picture(), cache_dir=folder)
    assert len(list(folder.iterdir())) == 2


def test_cuda(runtime: Any, files: tuple[Path, Path]) -> None:
    with pytest.raises(ResourceError, match="cannot use a CUDA device"):
        OnnxNetwork(files[0], "GPU")
    runtime.get_available_providers = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    OnnxNetwork(files[0], 1)
    assert Session.made[0]["providers"][0] == ("CUDAExecutionProvider", {"device_id": 1})


@pytest.mark.parametrize(
    ("word", "index"),
    [("CPU", None), ("cpu", None), ("GPU", 0), ("cuda", 0), ("cuda:2", 2), (3, 3), ("1", 1)],
)
def test_devices(word: str | int, index: int | None) -> None:
    assert cuda_index(word) == index


def test_unknown_device() -> None:
    with pytest.raises(ResourceError, match="'tpu'"):
        cuda_index("tpu")


def test_broken_and_absent_files(runtime: Any, tmp_path: Path) -> None:
    broken = tmp_path / "semantic.onnx"
    broken.write_text("broken")
    with pytest.raises(ModelError, match="bad protobuf"):
        OnnxNetwork(broken)
    with pytest.raises(ModelError, match="does not exist"):
        OnnxNetwork(tmp_path / "absent.onnx")


def test_input_that_does_not_fit(
    runtime: Any, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("Got invalid dimensions for input")

    monkeypatch.setattr(Session, "run", refuse)
    with pytest.raises(ModelError, match=r"\(1, 2, 3\) \(Got invalid dimensions"):
        OnnxNetwork(files[0]).predict(np.zeros((1, 2, 3), np.float32))


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch, files: tuple[Path, Path]) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        ModelError, match=r"onnxruntime, which is not installed.*pip install onnxruntime"
    ):
        OnnxNetwork(files[0])


def test_weights_of_the_original_are_never_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=r"fetch https://github.com.*resnet152_896px.onnx"):
        find_package("spine-segmentation", "semantic", tmp_path)
    name = SLICE_FILES["mitb5"]["instance"]
    (tmp_path / name).write_text("x")
    found = find_package("spine-segmentation", "instance", tmp_path, release="mitb5")
    assert found.file == tmp_path / name
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(folders, "embedded_system", lambda _: None)
    with pytest.raises(ModelError, match="spine-segmentation"):
        SegmentationInference().segment(picture())


class FreeHeight(Oracle):
    """Takes slices of any height."""

    free_height = True

    def predict(self, items: np.ndarray) -> np.ndarray:
        self.heights = items.shape[-1]
        rest = [(0, 0)] * 3 + [(0, HEIGHT - items.shape[-1])]
        return super().predict(np.pad(items, rest))[..., : items.shape[-1]]


@pytest.mark.parametrize(("numerics", "seen"), [("corrected", 256), ("original", HEIGHT)])
def test_padding_is_not_computed(numerics: Any, seen: int) -> None:
    settings = SpineSegmentationSettings(
        slices=SliceSettings(normalise=False, slice_batch=4), numerics=numerics
    )
    networks = FreeHeight(3), FreeHeight(26)
    found = inference(
        semantic_model=networks[0], instance_model=networks[1], settings=settings
    ).segment(picture())
    whole = inference(settings=settings).segment(picture())
    np.testing.assert_array_equal(found.instance_segmentation, whole.instance_segmentation)
    assert [network.heights for network in networks] == [seen, seen]
