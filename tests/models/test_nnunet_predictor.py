"""nnU-Net's own predictor is the oracle of our inference: same package, same image.

Its sums are float16, ours float32. Logits agree to the precision of float16 and labels wherever
the two best classes are further apart than that; but where tiles weigh next to nothing, along the
edges of the volume, products with weights underflow in float16, and nothing is left to compare.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from TPTBox import NII

from spineps_nipype.models.inference.semantic import SemanticNetwork, load_semantic
from spineps_nipype.models.inference.sliding_window import sliding_window_logits, tile_weights
from spineps_nipype.models.inference.tile_plan import tile_starts, tiles_everywhere
from spineps_nipype.models.package import load_package

FLOAT16 = 5e-3
"""Largest difference of logits near 1 that sums of float16 make."""
PATCH = (8, 16, 16)
LEAST_WEIGHT = 1e-5
"""Weight of all tiles together below which float16 has too few digits; one tile has 1 inside."""


@pytest.fixture
def predictor(semantic_folder: Path) -> Any:
    """nnU-Net's predictor on the folds of the tiny package, which mirrors along all axes.

    Its way to start from a folder looks trainer classes up, for which it imports what trains.
    """
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    network = load_semantic(load_package(semantic_folder))
    made = nnUNetPredictor(
        perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False
    )
    plans = PlansManager(json.loads((semantic_folder / "plans.json").read_text()))
    made.manual_initialization(
        network._network,
        plans,
        plans.get_configuration("3d_fullres"),
        list(network._folds),
        json.loads((semantic_folder / "dataset.json").read_text()),
        "nnUNetTrainer",
        (0, 1, 2),
    )
    return made


@pytest.mark.parametrize("shape", [(5, 9, 30), (12, 24, 16)])
@pytest.mark.parametrize("mirror_axes", [(), (0, 1, 2)])
def test_logits_of_the_sliding_window(
    predictor: Any, semantic_folder: Path, shape: tuple[int, ...], mirror_axes: tuple[int, ...]
) -> None:
    """Padding on some axes and several tiles along others, with and without mirror images."""
    predictor.allowed_mirroring_axes = mirror_axes or None
    predictor.list_of_parameters = predictor.list_of_parameters[:1]
    network = load_semantic(load_package(semantic_folder))
    volume = torch.randn((1, *shape), generator=torch.Generator().manual_seed(3))
    theirs = predictor.predict_logits_from_preprocessed_data(volume).float()
    ours = sliding_window_logits(
        network._use_fold(0),
        volume,
        classes=3,
        plan=tiles_everywhere(shape, PATCH, 0.5),
        mirror_axes=mirror_axes,
    )
    assert ours.std() > 10 * FLOAT16
    seen = weight_of_all_tiles(shape) > LEAST_WEIGHT
    assert seen.float().mean() > 0.7
    torch.testing.assert_close(ours[:, seen], theirs[:, seen], atol=FLOAT16, rtol=FLOAT16)


def weight_of_all_tiles(shape: tuple[int, ...]) -> torch.Tensor:
    """Sum of the weights of tiles on a volume, without what pads it."""
    size = [max(n, p) for n, p in zip(shape, PATCH, strict=True)]
    total = torch.zeros(size)
    starts = (tile_starts(n, p, 0.5) for n, p in zip(size, PATCH, strict=True))
    for start in product(*starts):
        total[tuple(slice(a, a + p) for a, p in zip(start, PATCH, strict=True))] += tile_weights(
            PATCH, False
        )
    low = [(s - n) // 2 for s, n in zip(size, shape, strict=True)]
    return total[tuple(slice(a, a + n) for a, n in zip(low, shape, strict=True))]


def picture(shape: tuple[int, int, int], zoom: tuple[float, float, float]) -> NII:
    """Noise in PIR orientation with an empty border, which nnU-Net cuts off."""
    array = np.random.default_rng(4).normal(100, 30, shape).astype(np.float32)
    array[:2] = array[:, -3:] = 0
    affine = np.zeros((4, 4))
    affine[1, 0], affine[2, 1], affine[0, 2], affine[3, 3] = -zoom[0], -zoom[1], zoom[2], 1
    return NII.from_numpy(array, affine, False)


def margin(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the best class is ahead of the second, in log odds."""
    best = np.sort(np.log(probabilities), axis=0)
    return best[-1] - best[-2]


@pytest.mark.parametrize(
    ("shape", "zoom"),
    [((26, 27, 12), (2.0, 2.0, 4.0)), ((26, 27, 12), (1.7, 2.3, 3.0))],
    ids=["grid of the model", "resampled"],
)
def test_labels_of_an_image(
    predictor: Any, semantic_folder: Path, shape: tuple[int, int, int], zoom: tuple[float, ...]
) -> None:
    """From grey values: axes, cut, normalisation, resampling, folds, mirror images, and back."""
    network: SemanticNetwork = load_semantic(load_package(semantic_folder))
    image = picture(shape, zoom)  # type: ignore[arg-type]
    found = network.predict(image, tta=True, probabilities=True)
    theirs, soft = predictor.predict_single_npy_array(
        image.get_array().astype(np.float32).T[None],
        {"spacing": [float(z) for z in image.zoom[::-1]]},
        None,
        None,
        True,
    )
    inside = np.s_[4:-2, 2:-5, 2:-2]  # off the edges of what is not empty
    table = {label: number for number, label in enumerate(network.class_labels)}
    ours = np.vectorize(table.get)(found.labels.get_array()[inside])
    assert len(np.unique(ours)) == 3
    clear = margin(soft.transpose(0, 3, 2, 1)[:, *inside]) > 2 * FLOAT16
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(ours[clear], theirs.T[inside][clear])
