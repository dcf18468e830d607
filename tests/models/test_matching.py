from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spineps_nipype.models.matching import best_models


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


def test_choice_by_modality() -> None:
    packages = [Package("t2w", Config()), Package("t1w", Config(modality=("T1w",)))]
    assert best_models(packages, modality="T1w", plane="sag") == [packages[1]]
    assert best_models(packages, modality="CT", plane="sag") == []


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
