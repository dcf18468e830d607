"""The commands spineps-sc-epi and spineps-wf-convert."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.core.canonical import SYSTEMS
from spineps_nipype.workflows.commands import convert, sc_epi

from ...sc_epi.tiny_epi import write_archive

Capsys = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("model")
    write_archive(folder)
    return folder


def epi(path: Path, *, volumes: int = 1) -> Path:
    """A bright cord, and a bright voxel beside it."""
    data = np.full((24, 24, 6, volumes), 20, np.float32)
    data[10:14, 10:14] = 160
    data[2, 2, 2] = 160
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data if volumes > 1 else data[..., 0], np.diag([1, 1, 5, 1.0])), path)
    return path


def array(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_several_images_each_with_its_files(model: Path, tmp_path: Path, capsys: Capsys) -> None:
    images = [epi(tmp_path / name / "func" / f"{name}.nii.gz") for name in ("a", "b")]
    qc = tmp_path / "qc"
    words = ["-i", *map(str, images), "-model", str(model), "-device", "cpu", "-threads", "1"]
    more = ["-largest", "1", "-qc", str(qc), "-qc-subject", "s", "-qc-plane", "Sagittal"]
    assert sc_epi.main([*words, *more]) == 0
    for image in images:
        mask = image.with_name(f"{image.name.split('.')[0]}_seg.nii.gz")
        assert array(mask).sum() == 4 * 4 * 6
        side = json.loads(mask.with_name(mask.name.replace(".nii.gz", ".json")).read_text())
        (made,) = side["GeneratedBy"]
        assert "-largest 1" in made["Name"]
        assert str(tmp_path) not in made["Name"]
        assert made["ModelURL"].startswith("https://")
    text = (qc / "js" / "datasets.js").read_text()
    assert text.count('"subject": "s"') == 2
    assert text.count('"plane": "Sagittal"') == 2
    assert "Total runtime; " in capsys.readouterr().out


def test_probabilities_of_a_series_with_profiles(
    model: Path, tmp_path: Path, capsys: Capsys
) -> None:
    image = epi(tmp_path / "x.nii", volumes=2)
    words = ["-i", str(image), "-o", str(tmp_path / "out" / "p"), "-model", str(model)]
    words += ["-device", "cpu", "-threads", "1", "-thr", "0", "-r", "0"]
    assert sc_epi.main(words) == 1
    assert "on-4d each" in capsys.readouterr().err
    (tmp_path / "time").mkdir()
    words += ["-on-4d", "each", "-profile-time", str(tmp_path / "time")]
    assert sc_epi.main(words) == 0
    soft = array(tmp_path / "out" / "p.nii.gz")
    assert soft.shape == (24, 24, 6, 2)
    assert 0.5 < soft.max() <= 1
    assert "cumulative" in (tmp_path / "time" / "time_profiling_results.txt").read_text()
    out = capsys.readouterr().out
    kept = Path(out.partition("temporary files: ")[2].splitlines()[0])
    assert sorted(p.name for p in kept.iterdir())[:2] == ["image_0.nii.gz", "image_1.nii.gz"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "-install"),
        (["-i", "absent.nii.gz"], "This file does not exist: absent.nii.gz"),
        (["-install", "-custom-url", "a", "b"], "Expected 1 URL(s)"),
        (["-custom-url", "a"], "needs '-install'"),
    ],
)
def test_wrong_usage_answers_with_the_help(words: list[str], message: str, capsys: Capsys) -> None:
    with pytest.raises(SystemExit) as end:
        sc_epi.main(words)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert message in said.splitlines()[-1]
    assert "-remove-small" in said


def test_the_peak_of_memory(tmp_path: Path) -> None:
    from spineps_nipype.workflows.commands.profiling import memory_trace

    (tmp_path / "memory_snapshots.txt").write_text("old")
    with memory_trace(tmp_path):
        block = bytearray(3_000_000)
    assert len(block) == 3_000_000
    word, _, number = (tmp_path / "peak_memory.txt").read_text().partition("; ")
    assert word == "PEAK"
    assert float(number) > 2900
    assert not (tmp_path / "memory_snapshots.txt").exists()


def test_conversion(tmp_path: Path, capsys: Capsys) -> None:
    assert convert.SYSTEMS == SYSTEMS
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[:, :, 4:], labels[:, :, 3], labels[:, :, :2] = 45, 100, 2
    source, target = tmp_path / "in.nii.gz", tmp_path / "out" / "x.nii.gz"
    nib.save(nib.Nifti1Image(labels, np.eye(4)), source)
    words = ["--from", "totalspineseg", "--to", "spine_segmentation", str(source), str(target)]
    assert convert.main([*words, "--losses", str(tmp_path / "losses.tsv")]) == 0
    assert set(np.unique(array(target))) == {0, 45, 46}
    assert "dropped: spinal_canal (72 voxels)" in capsys.readouterr().out
    assert "spinal_canal\t72\tdropped" in (tmp_path / "losses.tsv").read_text()
    target.unlink()
    assert convert.main([*words, "--strict"]) == 1
    assert not target.exists()
    spineps = ["--from", "spineps", "--to", "totalspineseg", str(source), str(target)]
    assert convert.main([*spineps, "--numbering", "counted"]) == 1
    assert "counted from the top" in capsys.readouterr().err
