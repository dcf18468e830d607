"""The embedded TotalSpineSeg networks: found without installation, and right on a phantom."""

from __future__ import annotations

import numpy as np
from TPTBox import NII

from spineps_nipype.core.anatomy import DISC
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.folders import is_embedded
from spineps_nipype.models.places import TSS_VARIABLE
from spineps_nipype.phantom import FieldOfView, generate, render, to_nii
from spineps_nipype.totalspineseg.inference import load_step
from spineps_nipype.totalspineseg.labels import DISC_L5_S, LANDMARK_DISCS
from spineps_nipype.totalspineseg.native import to_grid
from spineps_nipype.totalspineseg.preparation import prepare_image
from spineps_nipype.totalspineseg.settings import RuleSettings
from spineps_nipype.totalspineseg.steps import run_step1, run_step2

HELD_OUT_SEED = 12


def test_compact_networks_find_discs_and_vertebrae_of_a_phantom(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv(TSS_VARIABLE, raising=False)
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(tmp_path))
    first = find_package("totalspineseg", "step1")
    second = find_package("totalspineseg", "step2")
    assert is_embedded(first)
    assert is_embedded(second)
    assert first.id == "compact_totalspineseg_step1"
    fov = FieldOfView("L3", "sacrum", width=36.0, anterior=45.0, posterior=45.0)
    phantom = generate(HELD_OUT_SEED, spacing=(1.0, 1.0, 3.0), fov=fov)
    grey = render(phantom, contrast="T2w", seed=1, slice_thickness=3.0)
    image = NII(to_nii(phantom, grey, mask=False), False)
    ready, settings = prepare_image(image), RuleSettings()
    found = run_step1(ready, load_step(first), settings)
    named = run_step2(ready, found.output, load_step(second), settings)
    labels = to_grid(named.output, image.shape, image.affine).get_array()
    discs = (labels >= LANDMARK_DISCS[0]) & (labels <= DISC_L5_S)
    truth = phantom.spine == DISC
    dice = 2 * np.count_nonzero(truth & discs) / (truth.sum() + discs.sum())
    assert dice > 0.75
    assert DISC_L5_S in labels
