"""The same seeds still give the same spines, voxel for voxel.

Networks were trained on these spines and stored figures rest on them. A wanted change of the
generator stores new digests: ``python tests/phantom/test_golden_labels.py`` prints them. They are
the same whatever vector instructions numpy may use (none, AVX2, AVX-512).
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from spineps_nipype.phantom import Anomalies, FieldOfView, Phantom, generate

COARSE = (3.0, 3.0, 3.5)
SPINES = {
    "whole spine": (101, FieldOfView(width=80.0), Anomalies(fractures=2)),
    "T13, L6 and scoliosis": (
        102,
        FieldOfView(top="T10", width=120.0),
        Anomalies(thoracic=13, lumbar=6, scoliosis_deg=15.0, degenerated=1.0),
    ),
    "neck": (103, FieldOfView(bottom="T1", width=90.0), Anomalies(thoracic=11)),
}
"""Seed, window and anomalies by what they show."""
DIGESTS = {
    "whole spine": "4ded3a999bd439a020edfc055fd16e8858a9451d1cff5645f36cc8ee27bd484d",
    "T13, L6 and scoliosis": "45a69d3b5faef55806b6777d7f36b375f6b4c3e130757fdfeca7a2ae4ccd161c",
    "neck": "ed649e41225bacbf5e4b9a5b2f369a6ff194f738f8ddb3189b01d8096d6f2e62",
}


def draw(name: str) -> Phantom:
    seed, fov, anomalies = SPINES[name]
    return generate(
        seed, spacing=COARSE, fov=fov, anomalies=anomalies, corpus_interior=True, dens=True
    )


def digest(phantom: Phantom) -> str:
    """SHA-256 of both masks and of where they lie."""
    found = hashlib.sha256(repr((phantom.spine.shape, phantom.levels)).encode())
    for array in (phantom.spine, phantom.vert):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("name", SPINES)
def test_labels_are_the_stored_ones(name: str) -> None:
    assert digest(draw(name)) == DIGESTS[name]


if __name__ == "__main__":
    for spine in SPINES:
        print(f"    {spine!r}: {digest(draw(spine))!r},")
