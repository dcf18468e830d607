"""The network of a step: which checkpoint it is read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from TPTBox import NII

from spineps_nipype.models.finding import package_in
from spineps_nipype.totalspineseg.inference import load_step
from spineps_nipype.totalspineseg.profiles import PROFILES

from .block_spine import DISCS, raw_spine
from .tiny_weights import scan_of, write_weights

LATER = PROFILES["r20251124"]


def test_each_release_has_its_preferred_checkpoint(tmp_path: Path) -> None:
    package = package_in(write_weights(tmp_path / "w", 1, best_too=True), "totalspineseg")
    image = NII.from_numpy(scan_of(raw_spine(DISCS[-1:])), np.eye(4), False)
    final = load_step(package).predict(image).labels.get_array()
    best = load_step(package, profile=LATER).predict(image).labels.get_array()
    assert set(np.unique(final)) == {0, 5, 6, 8, 9}
    assert set(np.unique(best)) == {0}
    (package.folder / "fold_0" / "checkpoint_best.pth").unlink()
    assert load_step(package, profile=LATER).predict(image).labels.get_array().any()
