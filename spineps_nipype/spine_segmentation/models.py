"""The networks of spine-segmentation: what they tell apart."""

from __future__ import annotations

from typing import Final, Literal

Role = Literal["semantic", "instance"]
CLASSES: Final[dict[Role, int]] = {"semantic": 3, "instance": 26}
"""Output channels, background included."""
