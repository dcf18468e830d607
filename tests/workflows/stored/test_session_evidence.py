"""What stored results of other systems, and masks of readers, tell of names."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.core.anatomy import C2, CORPUS_BORDER, L1, T12
from spineps_nipype.core.tables import write_rows
from spineps_nipype.results.sidecar import sidecar_of
from spineps_nipype.spineps.other_names import TRUST
from spineps_nipype.workflows.options.other_systems import SPINE_SEGMENTATION, TOTALSPINESEG
from spineps_nipype.workflows.stored.session_evidence import names_of_other, names_of_spineps

AFFINE = np.array([[3.0, 0, 0, 5], [0, 1, 0, -7], [0, 0, -2, 11], [0, 0, 0, 1]])


def write(path: Path, *labels: int) -> Path:
    """Mask with one block for each label, four voxels apart along the spine."""
    array = np.zeros((3, 3, 4 * len(labels)), np.uint8)
    for place, label in enumerate(labels):
        array[1, 1, 4 * place + 1] = label
    nib.Nifti1Image(array, AFFINE).to_filename(path)
    return path


def test_bodies_of_spine_segmentation_are_where_its_labels_are(tmp_path: Path) -> None:
    mask = write(tmp_path / "mask.nii.gz", 35, 36, 37, 38, 39)  # T12, disc, L1, disc, L2
    found = names_of_other(SPINE_SEGMENTATION, {"spine_segmentation": mask}, "a")
    assert found is not None
    assert found.scan == "spine-segmentation: a"
    assert found.posterior.sequences[0] == ((T12, L1, L1 + 1), TRUST)
    assert found.points.tolist() == [[8, -6, 9], [8, -6, -7], [8, -6, -23]]


def test_bodies_of_totalspineseg_lie_between_its_discs(tmp_path: Path) -> None:
    labels = (91, 41, 92, 42, 93, 43)  # disc T12-L1, L1, disc, L2, disc, L3
    mask = write(tmp_path / "mask.nii.gz", 32, *labels)
    found = names_of_other(TOTALSPINESEG, {"totalspineseg": mask}, "a")
    assert found is not None
    assert found.posterior.sequences[0][0] == (L1, L1 + 1)
    assert found.points[:, 2].tolist() == pytest.approx([9 - 16, 9 - 32])


def test_without_a_mask_or_a_vertebra_nothing_is_told(tmp_path: Path) -> None:
    assert names_of_other(TOTALSPINESEG, {}, "a") is None
    empty = write(tmp_path / "mask.nii.gz", 1)  # cord
    assert names_of_other(TOTALSPINESEG, {"totalspineseg": empty}, "a") is None


def test_the_table_of_names_of_another_system_tells_its_probabilities(tmp_path: Path) -> None:
    mask = write(tmp_path / "mask.nii.gz", 35, 36, 37, 38, 39)
    table = tmp_path / "labels.tsv"
    columns = ("name", "confidence", "alternative_1", "alternative_1_confidence")
    write_rows(
        [
            dict(zip(columns, row, strict=True))
            for row in (("T12", 0.6, "T11", 0.4), ("L1", 0.6, "T12", 0.4), ("L2", 0.6, "L1", 0.4))
        ],
        table,
    )
    files = {"spine_segmentation": mask, "labels": table}
    found = names_of_other(SPINE_SEGMENTATION, files, "a")
    assert found is not None
    assert found.posterior.of_label(0, T12) == pytest.approx(0.9 * 0.6 + 0.0, abs=1e-6)
    assert found.posterior.of_label(0, T12 - 1) == pytest.approx(0.9 * 0.4 + 0.05, abs=1e-6)
    table.unlink()
    older = names_of_other(SPINE_SEGMENTATION, {"spine_segmentation": mask}, "a")
    assert older is not None
    assert older.posterior.of_label(0, T12) == pytest.approx(TRUST)


def test_a_mask_that_was_changed_is_a_readers(tmp_path: Path) -> None:
    """Its bodies are those of the semantic mask; one without a record is of another program."""
    vert = write(tmp_path / "x_seg-vert_msk.nii.gz", C2, C2 + 1, 26)
    spine = write(tmp_path / "x_seg-spine_msk.nii.gz", *[CORPUS_BORDER] * 3)
    assert names_of_spineps({"vert": vert, "spine": spine}, "a") is None
    record = {"Provenance": {"Phase": "final", "Sha256": "of another content"}}
    sidecar_of(vert).write_text(json.dumps(record))
    found = names_of_spineps({"vert": vert, "spine": spine}, "a")
    assert found is not None
    assert found.fixed
    assert found.posterior.sequences == (((C2, C2 + 1), 1.0),)
    assert names_of_spineps({"vert": vert}, "a") is None
