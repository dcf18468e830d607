from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from spineps_nipype.bids.compatibility import (
    check_compatibility,
    modality_of,
    plane_of_label,
)


@dataclass(frozen=True)
class Config:
    modality: tuple[str, ...] = ("T2w",)
    acquisition: str = "sag"
    orientation: tuple[str, str, str] = ("P", "I", "R")
    spacing: tuple[float, float, float] = (0.75, 0.75, 1.65)

    def target_spacing(self, zoom: Sequence[float]) -> Sequence[float]:
        assert len(zoom) == 3
        return self.spacing


@pytest.mark.parametrize(
    ("word", "modality"),
    [
        ("T2w", "T2w"),
        ("dixon", "T2w"),
        ("T1c", "T1w"),
        ("mevibe", "Vibe"),
        ("ct", "CT"),
        ("x", None),
    ],
)
def test_modality_words(word: str, modality: str | None) -> None:
    assert modality_of(word) == modality


def test_planes_of_acq_labels() -> None:
    assert plane_of_label("sag") == "sag"
    assert plane_of_label("axl") == "ax"
    assert plane_of_label("ISO") == "iso"
    assert plane_of_label("highres") is None


def test_a_fitting_scan_has_no_reasons() -> None:
    assert check_compatibility("sub-x_acq-sag_T2w.nii.gz", "sag", Config()) == []
    assert check_compatibility("sub-x_acq-iso_T2w.nii.gz", "iso", Config()) == []
    assert check_compatibility("sub-x_T2w.nii.gz", None, Config()) == []
    # A word of no modality is no reason to refuse.
    assert check_compatibility("sub-x_foo.nii.gz", "sag", Config()) == []


@pytest.mark.parametrize(
    ("path", "plane", "said"),
    [
        ("sub-x_T1w.nii.gz", "sag", "T1w"),
        ("sub-x_PD.nii.gz", "sag", "PD"),
        ("sub-x_acq-ax_T2w.nii.gz", "sag", "acq-ax"),
        ("sub-x_seg-vert_T2w.nii.gz", "sag", "seg-vert"),
        ("sub-x_label-6_T2w.nii.gz", "sag", "label-6"),
        ("debug_T2w/sub-x_T2w.nii.gz", "sag", "debug"),
        ("sub-x_T2w.nii.gz", "ax", "plane ax"),
    ],
)
def test_each_reason_is_said(path: str, plane: str, said: str) -> None:
    reasons = check_compatibility(path, plane, Config())
    assert len(reasons) == 1
    assert said in reasons[0]
