"""The largest component of a label map, where near parts count as connected.

Source: TotalSpineSeg 20251028, largest component.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import BoolArray, label_components
from .masks import grow_through_faces, joint_box, label_boxes


def bridged_components(mask: BoolArray, dilation: int) -> tuple[NDArray[Any], int]:
    """Number the 26-connected components of a mask after growing it through faces.

    Parameters
    ----------
    mask
        3-D mask.
    dilation
        Voxels by which the mask grows before components are found.

    Returns
    -------
    components
        Numbers inside the original mask, in the order of the first voxel of the grown component.
    count
        Number of components.
    """
    mask = np.ascontiguousarray(mask)
    components, count = label_components(grow_through_faces(mask, dilation), 3)
    components *= mask
    return components, count


def sizes_of(components: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Number of voxels of each component; background, entry 0, is not counted.

    `numpy.bincount` converts its input to eight bytes a voxel, so it gets labelled voxels only.
    """
    return np.bincount(components[components != 0], minlength=count + 1)


def largest_component(
    seg: NDArray[Any], *, binarize: bool = True, dilation: int = 5
) -> NDArray[Any]:
    """Keep the largest component.

    Parameters
    ----------
    seg
        3-D label map.
    binarize
        Find components of all labels together; otherwise of each label by itself.
    dilation
        Voxels by which parts grow through faces before components are found. Sizes are those
        before growing; of equal ones the first stays.
    """
    out = np.zeros_like(seg)
    boxes = label_boxes(seg)
    groups = [tuple(boxes)] if binarize else [(label,) for label in boxes]
    for labels in groups:
        box = joint_box([boxes[label] for label in labels], dilation, seg.shape)
        if box is None:
            continue
        part = seg[box]
        keep = _largest(part != 0 if binarize else part == labels[0], dilation)
        np.copyto(out[box], part, where=keep)
    return out


def largest_of_mask(mask: BoolArray) -> BoolArray:
    """Largest 26-connected component of a mask; the first one of equal ones."""
    return largest_component(mask.view(np.uint8), dilation=0).view(bool)


def _largest(mask: BoolArray, dilation: int) -> BoolArray:
    components, count = bridged_components(mask, dilation)
    sizes = sizes_of(components, count)
    return np.asarray(components == sizes[1:].argmax() + 1)
