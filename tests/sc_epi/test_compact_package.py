"""The embedded EPI cord network: found without installation, and right on a phantom."""

from __future__ import annotations

import numpy as np
from TPTBox import NII

from spineps_nipype.core.anatomy import CORD
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.folders import is_embedded
from spineps_nipype.models.loading import load_semantic
from spineps_nipype.phantom import FieldOfView, generate, render, to_nii
from spineps_nipype.sc_epi.model import epi_package
from spineps_nipype.sc_epi.segment import segment_epi
from spineps_nipype.sc_epi.settings import EpiSegSettings

HELD_OUT_SEED = 11


def test_compact_network_finds_the_cord_of_a_phantom(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SCT_DIR", raising=False)
    monkeypatch.delenv("SPINEPS_SEGMENTOR_MODELS", raising=False)
    package = epi_package(find_package("sc-epi", "cord"))
    assert is_embedded(package.package)
    fov = FieldOfView("C4", "C6", width=64.0, anterior=32.0, posterior=40.0)
    phantom = generate(HELD_OUT_SEED, spacing=(1.0, 5.0, 1.0), fov=fov)
    grey = render(phantom, contrast="EPI", seed=1)
    image = NII(to_nii(phantom, grey, mask=False), False)
    network = load_semantic(package.package)
    mask = segment_epi(image, network, package.outputs, EpiSegSettings())["_seg"]
    assert mask.shape == image.shape
    truth, guess = phantom.spine == CORD, mask.get_array() > 0
    dice = 2 * np.count_nonzero(truth & guess) / (truth.sum() + guess.sum())
    assert dice > 0.8
