"""The largest component of a label map, with parts bridged that lie close together.

Source: TotalSpineSeg 20251028, largest component.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import BoolArray, bounding_box, component_sizes, dilate, label_components


def bridged_components(mask: BoolArray, dilation: int) -> tuple[NDArray[Any], int]:
    """Number the 26-connected components of a mask after growing it through faces.

    Parameters
    ----------
    mask
        3-D mask.
    dilation
        Voxels that the mask grows before components are found.

    Returns
    -------
    components
        Numbers inside the ungrown mask, in the order of the first voxel of the grown component.
    count
        Number of components.
    """
    mask = np.ascontiguousarray(mask)
    components, count = label_components(dilate(mask, dilation, 1), 3)
    components[~mask] = 0
    return components, count


def largest_component(
    seg: NDArray[Any], *, binarize: bool = True, dilation: int = 5
) -> NDArray[Any]:
    """Keep the largest component.

    Parameters
    ----------
    seg
        3-D label map.
    binarize
        Find components of all labels together; otherwise of each label on its own.
    dilation
        Voxels that parts grow, through faces, before components are found; sizes count without
        that. Equal sizes: the first one stays.
    """
    out = np.zeros_like(seg)
    if not seg.any():
        return out
    if binarize:
        box = bounding_box(seg != 0, dilation)
        part = seg[box]
        keep = _largest(part != 0, dilation)
        out[box][keep] = part[keep]
        return out
    for label in np.unique(seg[seg != 0]):
        box = bounding_box(seg == label, dilation)
        out[box][_largest(seg[box] == label, dilation)] = label
    return out


def _largest(mask: BoolArray, dilation: int) -> BoolArray:
    components, count = bridged_components(mask, dilation)
    sizes = component_sizes(components, count)
    sizes[0] = -1
    return np.asarray(components == sizes.argmax())
