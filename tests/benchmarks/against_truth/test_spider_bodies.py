"""The frozen rules for truth masks that join all vertebrae, and their version number."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.against_truth.spider_bodies import lumbar_names, number_bodies
from benchmarks.against_truth.truth import TRUTH_VERSION
from spineps_nipype.core.images import load_mask

VERTEBRA, DISC, CANAL = 1, 2, 3
SPACING = (1.0, 1.0, 2.0)
BODIES = 3

DRAWN = dict.fromkeys((1, 2, 3), "fac0307345bf9f7d")
"""Digest of the bodies of the masks of `ODD`, by version of the rules."""
SPIDER = {
    "sub-005": "a63fab20ee85ba56",
    "sub-007": "4abfb3d73ea9ecfc",
    "sub-018": "f2dfc31b11b4124f",
    "sub-022": "f794a19362af6b60",
    "sub-034": "266245f3f1d780f3",
    "sub-041": "044643ae2ed63d7b",
    "sub-045": "9efd857a1d454bf3",
    "sub-050": "83b5464ff12112ed",
    "sub-052": "31fd1a9ae4375e91",
    "sub-055": "f421a4c49ed329ae",
    "sub-057": "eb847c6077bd6c35",
    "sub-065": "4db4bbfade316f0a",
    "sub-069": "a05252808bb6fbc6",
    "sub-078": "7b26b3b6b3f03e88",
    "sub-081": "832807f9dfe98c8e",
    "sub-098": "c3ab0d13b3b4ee4b",
    "sub-110": "0d8412b5087ab78f",
    "sub-127": "d920f237dbc7ca9f",
    "sub-141": "2ea6e8d44070bee9",
    "sub-142": "06fc654253e27a13",
    "sub-146": "ee8447c8937fb45f",
    "sub-162": "2aeba2a865e6d1e1",
    "sub-166": "b4026796c32f716a",
    "sub-185": "33e6e0bb0b045f45",
    "sub-191": "2a1dd7ce367f18a4",
    "sub-200": "250c462e18329ab4",
    "sub-209": "e4110f6132a5ee8e",
    "sub-220": "6be1ec757c745ece",
    "sub-239": "b3419bc87112c4a5",
    "sub-241": "159c4d6e08f040ea",
}
"""Digests of the bodies of real masks, as they were before version 1 had its number."""


def bodies_of(mask: np.ndarray, spacing: tuple[float, ...] = SPACING) -> np.ndarray:
    return number_bodies(mask == VERTEBRA, mask == DISC, mask == CANAL, spacing)


def digest(*arrays: np.ndarray) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def spider_mask() -> np.ndarray:
    """Three bodies with discs below, in front of a canal; arches behind it, which touch."""
    mask = np.zeros((70, 100, 8), np.uint8)
    mask[30:40] = CANAL
    mask[42:50, 5:95] = VERTEBRA
    for k in range(BODIES):
        mask[5:25, 5 + 25 * k : 24 + 25 * k] = VERTEBRA
        mask[5:25, 24 + 25 * k : 30 + 25 * k] = DISC
    return mask


def bridged() -> np.ndarray:
    mask = spider_mask()
    mask[5:9, 24:30] = VERTEBRA
    return mask


def with_spur() -> np.ndarray:
    mask = spider_mask()
    mask[5:7, 24:29] = VERTEBRA
    return mask


def with_specks() -> np.ndarray:
    mask = spider_mask()
    mask[10:12, 90:92, :2] = VERTEBRA
    mask[4, 20, 2] = mask[25, 30:33, 3] = CANAL
    return mask


def with_canal_in_two_parts() -> np.ndarray:
    mask = spider_mask()
    mask[30:40, 40:60] = 0
    mask[20:30, 60:] = CANAL
    return mask


def tilted() -> np.ndarray:
    return np.stack([np.roll(plane, -p // 2, axis=0) for p, plane in enumerate(bridged())])


ODD = (bridged, with_spur, with_specks, with_canal_in_two_parts, tilted)


def test_bodies_are_numbered_from_the_top_without_their_arches() -> None:
    bodies = bodies_of(spider_mask())
    assert np.unique(bodies).tolist() == [0, 1, 2, 3]
    for number in (1, 2, 3):
        p, i, _ = np.nonzero(bodies == number)
        assert (p.min(), p.max()) == (5, 24)
        assert (i.min(), i.max()) == (5 + 25 * (number - 1), 23 + 25 * (number - 1))


@pytest.mark.parametrize("odd", ODD)
def test_bridges_spurs_and_specks_change_no_count(odd) -> None:
    assert bodies_of(odd()).max() == BODIES


def test_a_bridge_is_cut_at_the_disc() -> None:
    bodies = bodies_of(bridged())
    assert np.count_nonzero(bodies == 1) == pytest.approx(np.count_nonzero(bodies == 2), rel=0.1)


def test_a_mask_without_canal_has_no_bodies() -> None:
    assert not bodies_of(np.full((4, 4, 4), VERTEBRA, np.uint8)).any()


def test_the_lowest_body_is_l5() -> None:
    assert lumbar_names(3) == {1: "L3", 2: "L4", 3: "L5"}
    assert lumbar_names(0) == lumbar_names(30) == {}


def test_bodies_change_only_with_the_version() -> None:
    """Whoever changes the rules raises `truth.TRUTH_VERSION` and adds its digest here."""
    assert digest(*(bodies_of(odd()) for odd in ODD)) == DRAWN[TRUTH_VERSION]


@pytest.mark.skipif(TRUTH_VERSION not in DRAWN, reason="the digests are those of versions 1 to 3")
@pytest.mark.parametrize("subject", SPIDER)
def test_bodies_of_real_masks(shared_dir: Path, subject: str) -> None:
    folder = shared_dir / "data" / "spider" / "derivatives" / "manual" / subject / "anat"
    (path,) = folder.glob("*_dseg.nii.gz")
    mask = load_mask(path).reorient(("P", "I", "R"))
    spacing = tuple(float(step) for step in mask.zoom)
    assert digest(bodies_of(mask.get_array(), spacing)) == SPIDER[subject]
