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


def test_outputs_of_a_segmentation_replace_nothing_of_others(
    model: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    image = epi(tmp_path / "func.nii.gz")
    (tmp_path / "func.json").write_text("{}")
    theirs = epi(tmp_path / "theirs.nii.gz")
    (tmp_path / "link.nii.gz").symlink_to(image)
    (tmp_path / "odd.nii.gz").write_text("cannot be opened, so nobody knows whose it is")
    (tmp_path / "odd_json.json").write_text("{")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    words = ["-i", "func.nii.gz", "-model", str(model), "-device", "cpu", "-threads", "1"]
    for name, said in (
        ("func", "would replace a file that is read"),
        ("func.nii", "would replace a file that is read"),  # its side file is that of the image
        ("link", "would replace a file that is read"),
        ("theirs", "did not write"),
        ("odd", "did not write"),
        ("odd_json", "did not write"),
    ):
        assert sc_epi.main([*words, "-o", name]) == 1
        assert said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        sc_epi.main([*words, "-o", "own", "-profile-time", "func.nii.gz"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert sc_epi.main([*words, "-o", "own"]) == 0
    assert sc_epi.main([*words, "-o", "own"]) == 0, "our own result may be made again"
    assert array(theirs).max() == 160


def test_outputs_of_a_conversion_replace_nothing_of_others(tmp_path: Path, capsys: Capsys) -> None:
    source, theirs, table = (tmp_path / n for n in ("m.nii.gz", "theirs.nii.gz", "t.tsv"))
    for path in (source, theirs):
        nib.save(nib.Nifti1Image(np.full((4, 4, 4), 45, np.uint8), np.eye(4)), path)
    table.write_text("subject\tage\n")
    odd = tmp_path / "odd.nii.gz"
    odd.write_text("cannot be opened, so nobody knows whose it is")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    words = ["--from", "totalspineseg", "--to", "spineps", str(source)]
    target = tmp_path / "o.nii.gz"
    for more, said in (
        ([str(source)], "would replace a file that is read"),
        ([str(theirs)], "did not write"),
        ([str(odd)], "did not write"),
        ([str(tmp_path / "o.mha")], "ends with .nii.gz"),
        ([str(target), "--out-spine", str(target)], "one name"),
        ([str(target), "--losses", str(table)], "did not write"),
        ([str(target), "--losses", str(source)], "would replace a file that is read"),
    ):
        assert convert.main([*words, *more]) == 1
        assert said in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    for _ in range(2):
        assert convert.main([*words, str(target), "--losses", str(tmp_path / "l.tsv")]) == 0
