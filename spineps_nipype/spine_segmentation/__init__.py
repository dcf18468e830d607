"""spine-segmentation: small fields of view, slice by slice.

`SegmentationInference` has the signature of the original and works on arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inference import SegmentationInference
    from .results import SegmentationResult

__all__ = ["SegmentationInference", "SegmentationResult"]


def __getattr__(name: str) -> Any:
    """Load what users import only when it is asked for, so that options stay light."""
    if name in __all__:
        from . import inference

        return getattr(inference, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
