"""Replacing labels by others, and combining label maps.

Source: TotalSpineSeg 20251028, mapping of labels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.images import shrink_labels
from ..errors import InputError


def map_labels(
    seg: NDArray[Any],
    mapping: Mapping[int, int],
    *,
    keep_unmapped: bool = False,
    update: NDArray[Any] | None = None,
    update_from: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Replace labels by others.

    Parameters
    ----------
    seg
        Label map.
    mapping
        Old label to new label.
    keep_unmapped
        Keep labels that the mapping does not name; otherwise they are deleted.
    update
        Label map that is used where the result is 0.
    update_from
        Label map that is used wherever it is not 0.

    Returns
    -------
    array
        In the smallest unsigned type.
    """
    size = max([int(seg.max(initial=0)), *mapping]) + 1
    table = np.arange(size) if keep_unmapped else np.zeros(size, dtype=np.int64)
    for old, new in mapping.items():
        table[old] = new
    out = shrink_labels(table)[seg]
    if update is not None:
        out = np.where(out == 0, update, out)
    if update_from is not None:
        out = np.where(update_from != 0, update_from, out)
    return shrink_labels(out)


def read_mapping(items: str | Path | Sequence[str]) -> dict[int, int]:
    """Read a mapping from a JSON file, or from items of the form ``old:new``.

    Raises
    ------
    InputError
        If the file or an item cannot be read as pairs of whole numbers.
    """
    file = None if isinstance(items, Sequence) and not isinstance(items, str) else Path(str(items))
    try:
        if file is not None:
            pairs = list(json.loads(file.read_text(encoding="utf-8")).items())
        else:
            assert isinstance(items, Sequence)
            pairs = [item.split(":") for item in items]
        return {int(old): int(new) for old, new in pairs}
    except (OSError, ValueError, TypeError, AttributeError) as err:
        raise InputError(
            f"The label mapping cannot be read: {err}.",
            file=file,
            remedy="Give a JSON object, or items such as 8:2, of whole numbers.",
        ) from err
