from __future__ import annotations

import pytest

from spineps_nipype.core.planes import image_plane


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
