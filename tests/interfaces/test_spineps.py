"""The shells load, call and save, and report what is wrong in the words of the errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nipype.pipeline import engine as pe
from nipype.pipeline.engine.nodes import NodeExecutionError

from spineps_nipype.core.images import load_image
from spineps_nipype.errors import ErrCode, InputError, ModelError
from spineps_nipype.interfaces import (
    Conform,
    FinalizeMasks,
    PostProcess,
    Preprocess,
    SpineCrop,
)
from spineps_nipype.interfaces.networks import torch_resources
from spineps_nipype.interfaces.spineps.masks import box_to_list, list_to_box
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.probabilities import save_softmax
from spineps_nipype.spineps.settings import PreprocessSettings

from ..tiny_packages import affine, coded_labels, write_packages, write_scan


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of a node, which is also the working folder."""
    folder = tmp_path / "node"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_scan(tmp_path / "bids" / "sub-x_T2w.nii.gz")


def results(interface: Any) -> Any:
    return interface.run().outputs


def test_conform_keeps_grid_and_values(scan: Path, node: Path) -> None:
    out = results(Conform(in_file=str(scan)))
    before, after = nib.load(scan), nib.load(out.out_file)
    np.testing.assert_array_equal(before.get_fdata(), after.get_fdata())
    np.testing.assert_allclose(before.affine, after.affine)
    assert Path(out.out_file).parent == node
    assert out.background == 0
    assert [p.name for p in scan.parent.iterdir()] == [scan.name]


def test_conform_knows_empty_space_of_ct(scan: Path, node: Path) -> None:
    ct = scan.rename(scan.with_name("sub-x_ct.nii.gz"))
    assert results(Conform(in_file=str(ct))).background == -1024


def test_conform_averages_volumes_when_asked(tmp_path: Path, node: Path) -> None:
    path = tmp_path / "sub-x_T2w.nii.gz"
    volumes = np.arange(2 * 3 * 4 * 2, dtype=np.float32).reshape(2, 3, 4, 2)
    nib.save(nib.Nifti1Image(volumes, np.eye(4)), path)
    with pytest.raises(InputError, match="4-D"):
        Conform(in_file=str(path)).run()
    out = results(Conform(in_file=str(path), average_4d=True))
    np.testing.assert_allclose(nib.load(out.out_file).get_fdata(), volumes.mean(axis=3))


def test_a_missing_scan_is_reported_with_file_and_remedy(tmp_path: Path, node: Path) -> None:
    absent = tmp_path / "sub-x_T2w.nii.gz"
    with pytest.raises(InputError, match=r"does not exist.*sub-x_T2w.*Check") as caught:
        Conform(in_file=str(absent)).run()
    assert caught.value.code is ErrCode.SHAPE


def test_a_node_hands_on_the_kind_of_error(tmp_path: Path) -> None:
    """The text of a failed node names the error, from which its code is found."""
    conform = pe.Node(Conform(in_file=str(tmp_path / "absent.nii.gz")), name="conform")
    conform.base_dir = str(tmp_path)
    with pytest.raises(NodeExecutionError, match=r"spineps_nipype\.errors\.InputError: The file"):
        conform.run()


def test_too_large_an_image_is_refused(scan: Path, node: Path) -> None:
    with pytest.raises(InputError, match="GiB are allowed"):
        Conform(in_file=str(scan), max_gib=1e-6).run()


def test_preprocess_is_the_pure_function(scan: Path, node: Path) -> None:
    out = results(
        Preprocess(
            in_file=str(scan), proc_pad_size=2, proc_sem_n4_bias_correction=False, background=5.0
        )
    )
    settings = PreprocessSettings(proc_pad_size=2, proc_sem_n4_bias_correction=False)
    expected = preprocess_input(load_image(scan), settings, is_ct=False, background=5.0)
    found = nib.load(out.out_file)
    np.testing.assert_array_equal(found.get_fdata(), expected.get_array())
    np.testing.assert_allclose(found.affine, expected.affine)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write_packages(tmp_path_factory.mktemp("models"))


def crop(models: dict[str, Any], scan: Path, **options: Any) -> Any:
    package = models["semantic"]
    return SpineCrop(
        in_file=str(scan),
        model_dir=str(package.folder),
        model_digest=package.digest,
        **options,
    )


def test_a_small_image_is_not_cropped(models: dict[str, Any], scan: Path, node: Path) -> None:
    out = results(crop(models, scan))
    assert not out.cropped
    assert Path(out.out_file) == scan
    assert not list(node.iterdir())


def test_a_crop_without_its_weights_says_where_they_go(
    models: dict[str, Any],
    scan: Path,
    node: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIBESEG_WEIGHTS_PATH", str(tmp_path))
    with pytest.raises(ModelError, match="VIBESeg weights"):
        crop(models, scan, auto_crop_to_spine="yes").run()


def test_post_processing_and_final_masks(tmp_path: Path, scan: Path, node: Path) -> None:
    spine = coded_labels()
    top = np.arange(spine.shape[1]) - 8
    numbers = np.broadcast_to((top // 16 + 1)[None, :, None], spine.shape)
    vert = np.where((spine >= 41) & (spine <= 49), numbers, 0).astype(np.uint8)
    for name, mask in (("spine", spine), ("vert", vert)):
        nib.save(nib.Nifti1Image(mask, affine()), tmp_path / f"{name}.nii.gz")
    post = results(
        PostProcess(
            in_file=str(scan),
            spine_raw=str(tmp_path / "spine.nii.gz"),
            vert_raw=str(tmp_path / "vert.nii.gz"),
        )
    )
    assert nib.load(post.vert).shape == nib.load(scan).shape
    assert np.unique(nib.load(post.vert).dataobj).tolist() == [0, 2, 3, 4, 5]
    (node / "final").mkdir()
    final = FinalizeMasks(spine=post.spine, vert=post.vert, crop=post.crop).run(cwd=node / "final")
    labels = np.unique(nib.load(final.outputs.vert).dataobj).tolist()
    assert labels == [0, 2, 3, 4, 5, 26, *range(102, 106), *range(202, 206)]


box = st.tuples(*[st.tuples(st.integers(0, 500), st.integers(0, 500))] * 3)


@given(box)
def test_a_box_survives_the_way_between_nodes(sides: tuple[tuple[int, int], ...]) -> None:
    slices = tuple(slice(*side) for side in sides)
    assert list_to_box(box_to_list(slices)) == slices
    assert FinalizeMasks(crop=box_to_list(slices)).inputs.crop == [list(s) for s in sides]


def test_threads_are_those_of_the_node_and_given_back() -> None:
    import torch

    before = torch.get_num_threads()

    class Inputs:
        num_threads, device = 3, "cpu"

    with torch_resources(Inputs()):
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


def test_softmax_archives_of_the_same_values_are_the_same_bytes(tmp_path: Path) -> None:
    soft = np.random.default_rng(0).random((3, 4, 5, 6)).astype(np.float32)
    for name in ("a.npz", "b.npz"):
        save_softmax(soft, (0, 49, 100), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    stored = np.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(stored["probabilities"], soft)
    assert stored["labels"].tolist() == [0, 49, 100]
