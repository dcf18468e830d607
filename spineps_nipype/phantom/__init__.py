"""Synthetic labelled spines for tests, the demo and training.

``generate(seed)`` draws a spine and rasterises it into label arrays, ``render(phantom)`` makes an
image of it in one of several contrasts, and ``write_scan`` / ``write_lumbar_demo`` store both as
NIfTI in a BIDS folder. Everything is a function of its seed: the same seed gives the same bytes,
and the same seed seen through another window or on another grid shows the same spine.
"""

from .files import to_nii, write_lumbar_demo, write_scan
from .generate import FieldOfView, Phantom, generate
from .plan import Anomalies, SpinePlan, draw_plan
from .render import CONTRASTS, render
from .slices import join_slices
from .views import phantom_in_view

__all__ = [
    "CONTRASTS",
    "Anomalies",
    "FieldOfView",
    "Phantom",
    "SpinePlan",
    "draw_plan",
    "generate",
    "join_slices",
    "phantom_in_view",
    "render",
    "to_nii",
    "write_lumbar_demo",
    "write_scan",
]
