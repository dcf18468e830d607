"""Words for the systems that networks belong to."""

from typing import Final

SPINEPS: Final = "spineps"
VIBESEG: Final = "vibeseg"
TOTALSPINESEG: Final = "totalspineseg"
SC_EPI: Final = "sc-epi"
SPINE_SEGMENTATION: Final = "spine-segmentation"
