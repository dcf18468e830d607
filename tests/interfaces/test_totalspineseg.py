"""The shells of TotalSpineSeg: they pass options on, and refuse weights that have changed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nipype.interfaces.base import traits

from spineps_nipype import interfaces
from spineps_nipype.core.images import load_mask
from spineps_nipype.errors import ModelError
from spineps_nipype.interfaces.settings_traits import read_settings, write_settings
from spineps_nipype.totalspineseg.settings import RuleSettings

from ..totalspineseg.block_spine import DISCS, found_discs, raw_spine
from ..totalspineseg.tiny_weights import scan_of, write_weights

LUMBAR = DISCS[-4:]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored(path: Path, array: np.ndarray) -> str:
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    return str(path)


@pytest.mark.parametrize("name", ["TSSRules1", "TSSInput2", "TSSRules2"])
def test_options_have_the_defaults_of_the_settings(name: str) -> None:
    inputs = getattr(interfaces, name)().inputs
    for option in fields(RuleSettings):
        assert getattr(inputs, option.name) == option.default
    changed = RuleSettings(release="r20260730", crop_margin=3, numerics="original")
    write_settings(inputs, changed)
    assert read_settings(inputs, RuleSettings) == changed
    with pytest.raises(traits.TraitError):
        inputs.release = "r19990101"


def test_rules_of_step_1(folder: Path) -> None:
    raw = raw_spine(LUMBAR, (100,), step=1)
    soft = np.full(raw.shape, 0.5, dtype=np.float32)
    done = interfaces.TSSRules1(
        in_file=stored(folder / "raw.nii.gz", raw),
        canal=stored(folder / "a.nii.gz", soft),
        cord=stored(folder / "b.nii.gz", soft),
    ).run()
    assert found_discs(load_mask(done.outputs.out_file).get_array(), 4) == list(LUMBAR)
    assert load_mask(done.outputs.levels).get_array().max() == 25


def test_soft_maps_may_be_empty(folder: Path) -> None:
    raw = raw_spine(LUMBAR, (100,), step=1)
    soft = np.zeros(raw.shape, dtype=np.float32)
    done = interfaces.TSSRules1(
        in_file=stored(folder / "raw.nii.gz", raw),
        canal=stored(folder / "a.nii.gz", soft),
        cord=stored(folder / "b.nii.gz", soft),
        release="r20251124",
    ).run()
    assert not nib.load(done.outputs.canal).get_fdata().any()


def test_localizer(folder: Path) -> None:
    raw = raw_spine(LUMBAR, ())
    localizer = np.zeros_like(raw)
    known = raw_spine(LUMBAR, (100,))
    localizer[known == 5] = 100
    done = interfaces.TSSRules2(
        in_file=stored(folder / "raw.nii.gz", raw),
        reference=stored(folder / "image.nii.gz", scan_of(raw)),
        localizer=stored(folder / "loc.nii.gz", localizer),
    ).run()
    assert found_discs(load_mask(done.outputs.out_file).get_array(), 4) == list(LUMBAR)


def test_changed_weights_are_refused(folder: Path) -> None:
    home = write_weights(folder / "weights", 1)
    face = interfaces.TSSNetwork1(
        in_file=stored(folder / "image.nii.gz", scan_of(raw_spine(LUMBAR))),
        model_dir=str(home),
        model_digest="0" * 64,
    )
    with pytest.raises(ModelError, match="changed"):
        face.run()
