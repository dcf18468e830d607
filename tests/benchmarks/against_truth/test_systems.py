"""Results of all systems are measured in the labels of SPINEPS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from benchmarks.against_truth.scan import load_scan
from benchmarks.against_truth.systems import load_results, result_files, results_of, system_of
from spineps_nipype.core import anatomy
from spineps_nipype.errors import InputError
from spineps_nipype.workflows.cli import build_parser, options_from

AFFINE = np.diag([1.0, 1.0, 1.0, 1.0])
L4, L5 = 23, 24


def options(tmp_path: Path, *words: str) -> Any:
    given = [str(tmp_path), str(tmp_path / "out"), "participant", *words]
    return options_from(build_parser().parse_args(given))


def scan_of(tmp_path: Path) -> Path:
    path = tmp_path / "sub-1" / "anat" / "sub-1_T2w.nii.gz"
    path.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(np.arange(480).reshape(4, 6, 20).astype(np.int16), AFFINE), path)
    return path


@pytest.mark.parametrize(
    ("system", "vertebrae", "disc"),
    [("totalspineseg", (45, 44), 95), ("spine-segmentation", (45, 43), 44)],
)
def test_label_maps_of_other_systems(
    tmp_path: Path, system: str, vertebrae: tuple[int, int], disc: int
) -> None:
    scan = scan_of(tmp_path)
    asked = options(tmp_path, "--pipeline", system)
    assert system_of(asked) == system
    labels = np.zeros((4, 6, 20), np.uint8)
    labels[..., 2:7], labels[..., 8:10], labels[..., 11:16] = vertebrae[0], disc, vertebrae[1]
    file = result_files(asked, scan)["labels"]
    assert file.is_relative_to(results_of(asked).folders.output_dir)
    file.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(labels, AFFINE), file)
    found = load_results(system, {"labels": file}, load_scan(scan))
    names, voxels = np.unique(found.vert, return_counts=True)
    seen = dict(zip(names.tolist(), voxels.tolist(), strict=True))
    between = anatomy.DISC_OFFSET + L4
    assert {n: seen.get(n) for n in (L4, L5)} == {L4: 120, L5: 120}
    np.testing.assert_array_equal(
        found.spine == anatomy.CORPUS_BORDER, np.isin(found.vert, (L4, L5))
    )
    assert seen.get(between) == np.count_nonzero(found.spine == anatomy.DISC) == 48


def test_one_system_at_a_time(tmp_path: Path) -> None:
    assert system_of(options(tmp_path)) == "spineps"
    for words in (["spineps", "totalspineseg"], ["sc-epi"]):
        with pytest.raises(InputError, match="One system is measured at a time"):
            system_of(options(tmp_path, "--pipeline", *words))
