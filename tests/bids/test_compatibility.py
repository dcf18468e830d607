from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from spineps_nipype.bids.compatibility import (
    best_models,
    check_compatibility,
    find_best_matching_model,
    image_plane,
    modality_of,
    plane_of_word,
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


@dataclass(frozen=True)
class Package:
    id: str
    config: Config


@pytest.mark.parametrize(
    ("zooms", "codes", "plane"),
    [
        ((3.3, 0.9, 0.9), "RAS", "sag"),
        ((0.5, 4.0, 0.5), "RAS", "cor"),
        ((0.5, 0.5, 4.0), "RAS", "ax"),
        ((0.9, 0.9, 3.3), "PIR", "sag"),
        ((1.0, 1.0, 1.0), "LPS", "iso"),
        # Finer than 1 mm counts as 1 mm.
        ((0.9, 0.9, 1.0), "PIR", "iso"),
        ((0.5, 0.5, 1.04), "PIR", "iso"),
        # Two coarse axes: the plane across the fine one.
        ((3.0, 3.0, 1.0), "RAS", "ax"),
        ((1.0, 3.0, 3.0), "RAS", "sag"),
    ],
)
def test_plane_of_an_image(zooms: tuple[float, ...], codes: str, plane: str) -> None:
    assert image_plane(zooms, codes) == plane


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
    assert plane_of_word("sag") == "sag"
    assert plane_of_word("axl") == "ax"
    assert plane_of_word("ISO") == "iso"
    assert plane_of_word("highres") is None


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


def test_choice_by_modality() -> None:
    packages = [Package("t2w", Config()), Package("t1w", Config(modality=("T1w",)))]
    chosen = find_best_matching_model(packages, modality="T1w", plane="sag")
    assert chosen is packages[1]
    assert find_best_matching_model(packages, modality="CT", plane="sag") is None


def test_choice_by_plane() -> None:
    sag, iso = Package("sag", Config()), Package("iso", Config(acquisition="iso"))
    assert best_models([sag, iso], modality="T2w", plane="iso") == [iso, sag]
    assert best_models([iso, sag], modality="T2w", plane="sag") == [sag]
    assert best_models([sag, iso], modality="T2w", plane="ax") == []


def test_choice_by_resolution() -> None:
    coarse = Package("coarse", Config(spacing=(2.0, 2.0, 4.0)))
    fine = Package("fine", Config(spacing=(0.5, 0.5, 3.3)))
    ask = {"modality": "T2w", "plane": "sag", "axis_codes": "RAS"}
    assert best_models([coarse, fine], spacing=(3.3, 0.5, 0.5), **ask)[0] is fine
    assert best_models([fine, coarse], spacing=(4.0, 2.0, 2.0), **ask)[0] is coarse


def test_of_equals_the_first_is_taken() -> None:
    first, second = Package("a", Config()), Package("b", Config())
    assert best_models([second, first], modality="T2w", plane="sag")[0] is second
