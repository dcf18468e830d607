"""Run the semantic phase on all cases, and keep what the expected Dice may be told from.

A case is computed once; its file holds the box of the labels, mask and shares as bytes, and the
true Dice. Whatever is made of that is free.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from spineps_nipype.core.components import bounding_box
from spineps_nipype.core.geometry import PIR, to_input_grid
from spineps_nipype.core.volume import make_volume
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.models.protocols import SemanticModel
from spineps_nipype.phantom.damage import Scan
from spineps_nipype.spineps.evidence import STRUCTURES
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.semantic import segment_semantic
from spineps_nipype.spineps.settings import PreprocessSettings, SemanticSettings
from training.common.dice import Groups, overlap
from training.quality.cases import REAL, TRUTH, Case, make_case
from training.semantic.evaluate import SPIDER_GROUPS, shown

PHANTOM_GROUPS: Final[Groups] = {name: (labels, labels) for name, labels in STRUCTURES.items()}
MARGIN: Final = 3
"""Voxels around the labels that are kept."""
BYTE: Final = 255.0


def compute(
    case: Case, root: Path | None, network: SemanticModel, scout: SemanticModel, folder: Path
) -> dict[str, Any]:
    """Compute a case and write its file; returns what is said of it."""
    said: dict[str, Any] = {**case._asdict(), "dice": {}}
    arrays: dict[str, np.ndarray] = {}
    try:
        scan = make_case(case, root)
    except ValueError as fault:
        said["fault"] = str(fault)
    else:
        arrays = _run(case, scan, network, scout, said)
    target = folder / f"{case.name}.npz"
    partial = target.with_suffix(".part.npz")
    np.savez_compressed(partial, said=json.dumps(said), **arrays)  # type: ignore[arg-type]
    partial.replace(target)
    return said


def _run(
    case: Case, scan: Scan, network: SemanticModel, scout: SemanticModel, said: dict[str, Any]
) -> dict[str, np.ndarray]:
    image = make_volume(np.round(scan.image).astype(np.int16), scan.affine, seg=False)
    truth = scan.masks[TRUTH]
    groups = shown(truth, SPIDER_GROUPS if case.source == REAL else PHANTOM_GROUPS)
    try:
        ready = preprocess_input(image.reorient(PIR), PreprocessSettings(), is_ct=False)
        found = segment_semantic(ready, network, SemanticSettings(), scout=scout)
    except EmptyResultError as fault:
        said["fault"] = str(fault)
        said["dice"] = dict.fromkeys(groups, 0.0)
        return {}
    result = to_input_grid(found.mask, image, smooth=True).get_array()
    said["dice"] = overlap(truth, result, groups)
    mask = found.mask.get_array().astype(np.uint8)
    box = bounding_box(mask > 0, MARGIN)
    assert found.shares is not None
    said["zoom"] = [float(z) for z in found.mask.zoom]
    said["scan_zoom"] = [float(z) for z in image.zoom]
    return {
        "mask": mask[box],
        "shares": np.round(found.shares[(slice(None), *box)] * BYTE).astype(np.uint8),
    }


def stored(folder: Path) -> list[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """All cases of a folder: what is said of each, and its arrays."""
    out = []
    for path in sorted(folder.glob("*_*.npz")):
        if path.name.endswith(".part.npz"):
            continue
        with np.load(path) as content:
            arrays = {name: content[name] for name in content.files if name != "said"}
            out.append((json.loads(str(content["said"])), arrays))
    return out
