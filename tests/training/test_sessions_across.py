"""Sessions of phantoms of which spine-segmentation names one scan."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.core.anatomy import L1, T11, T12
from spineps_nipype.core.name_posterior import NamePosterior
from spineps_nipype.core.session_names import ScanNames
from training.labeling.sessions import Seen
from training.sessions_across import SCAN, WAYS, Across, other_scan, rows_of, summary

NAMES = (T12, L1, L1 + 1, L1 + 2, L1 + 3)
STEP = 30.0


def session(*, found: bool = True) -> Across:
    """SPINEPS is one level too high, spine-segmentation sees the same bodies 2 mm farther on."""
    points = np.array([(4.0, 4.0, -STEP * i) for i in range(len(NAMES))])
    high = (T11, *NAMES[:-1])
    alone = ScanNames(SCAN, points, NamePosterior(((high, 0.6), (NAMES, 0.4))))
    mask = np.zeros((9, 9, 150), np.uint8)
    rows = []
    for place, name in enumerate(("T12", "L1", "L2", "L3", "L4")):
        mask[4, 4, 149 - int(STEP) * place] = 35 + 2 * place
        rows.append({"name": name, "confidence": 0.95})
    affine = np.diag([1.0, 1, 1, 1])
    affine[2, 3] = -149
    image = NII(nib.Nifti1Image(mask, affine), True)
    return Across(
        1.0, Seen(alone, high, NAMES), image if found else None, rows, np.array([0, 0, 2.0]), 1
    )


def test_the_other_scan_tells_its_names_with_and_without_probabilities() -> None:
    assert other_scan(session(), WAYS[0]) is None
    assert other_scan(session(found=False), WAYS[2]) is None
    for way, probability in (("names", 0.9), ("probabilities", 0.9 * 0.95)):
        found = other_scan(session(), way)
        assert found is not None
        assert found.posterior.sequences[0][0] == NAMES
        assert found.posterior.sequences[0][1] == pytest.approx(probability)
        assert found.points.mean(axis=0) == pytest.approx([4, 4, 2 - 2 * STEP])


def test_names_are_counted_by_the_way_they_are_found() -> None:
    rows = list(rows_of(7, session()))
    assert [row["vertebra"] for row in rows] == list(NAMES)
    assert {row["joined_alone"] for row in rows} == {0}
    assert {row["joined_names"] for row in rows} == {1}
    text = summary(rows).splitlines()
    assert text[0] == "1 sessions, 5 vertebrae"
    assert "alone: 0.0% of names right, 0.0% of scans" in text[1]
    assert "probabilities: 100.0% of names right, 100.0% of scans" in text[3]
