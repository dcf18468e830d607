"""Numbers and names of vertebrae and discs in spine-segmentation.

The k-th vertebra from C2 on has the id 2k - 1, and the disc below it 2k. Source:
spine-segmentation 0.3.2. The ids 51 (T13) and 52 (the disc below it) are ours: the original has
none for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

VERTEBRA: Final = 1
DISC: Final = 2
"""Classes of the first network; 0 is background."""

CLASS_NAMES: Final = (
    *(f"C{i}" for i in range(2, 8)),
    *(f"T{i}" for i in range(1, 13)),
    *(f"L{i}" for i in range(1, 7)),
    "S1",
)
"""Names of the classes 1 to 25 of the second network, from top to bottom."""
T13_ID: Final = 51
SACRUM_ID: Final = 2 * len(CLASS_NAMES) - 1
MIN_STRUCTURE_VOXELS: Final = 50
"""Voxels below which a named structure is deleted."""

ORDER: Final = (*CLASS_NAMES[:18], "T13", *CLASS_NAMES[18:])
"""All names from top to bottom."""
OPTIONAL_VERTEBRAE: Final = frozenset({"T13", "L6"})
"""Vertebrae that most spines do not have."""
MISSING_BETWEEN: Final[Mapping[tuple[str | None, str | None], str]] = {
    ("T11", "L1"): "T12",
    ("L4", "S1"): "L5",
}
"""Vertebra that a usual spine has between two others, but that may be missing."""
ID_OF: Final[Mapping[str, int]] = {
    **{name: 2 * i + 1 for i, name in enumerate(CLASS_NAMES)},
    "T13": T13_ID,
}
NAME_OF: Final[Mapping[int, str]] = {number: name for name, number in ID_OF.items()}


def usual_below(name: str) -> str | None:
    """Next vertebra below in a usual spine."""
    rest = [n for n in ORDER[ORDER.index(name) + 1 :] if n not in OPTIONAL_VERTEBRAE]
    return rest[0] if rest else None


def usual_above(name: str) -> str | None:
    """Next vertebra above in a usual spine."""
    rest = [n for n in ORDER[: ORDER.index(name)] if n not in OPTIONAL_VERTEBRAE]
    return rest[-1] if rest else None


def original_names() -> dict[int, str]:
    """Id to name as in the original, which names discs as if every spine had an L6."""
    table = {0: "unexpected_0"}
    for i, name in enumerate(CLASS_NAMES):
        table[2 * i + 1] = name
        if i + 1 < len(CLASS_NAMES):
            table[2 * i + 2] = f"{name}-{CLASS_NAMES[i + 1]}"
    return table


def names_by_neighbours(vertebrae: Iterable[int]) -> dict[int, str]:
    """Id to name; each disc is named after the vertebrae above and below it.

    Parameters
    ----------
    vertebrae
        Ids of the vertebrae in the image.

    Returns
    -------
    dict
        The entries of the original, and T13 with its disc. The disc below the lowest vertebra of
        an image is named as in a usual spine.
    """
    ids = set(vertebrae)
    present = [n for n in ORDER if ID_OF[n] in ids]
    table = {0: "unexpected_0"}
    for name in ORDER:
        table[ID_OF[name]] = name
        below = _neighbour_below(name, present)
        if below:
            table[ID_OF[name] + 1] = f"{name}-{below}"
    return dict(sorted(table.items()))


def _neighbour_below(name: str, present: list[str]) -> str | None:
    """Vertebra below in this image if it is a possible neighbour, else that of a usual spine."""
    usual = usual_below(name)
    if usual is None:
        return None
    lower = [n for n in present if ORDER.index(n) > ORDER.index(name)]
    first = lower[0] if lower else None
    if first in OPTIONAL_VERTEBRAE and ORDER.index(first) == ORDER.index(name) + 1:
        return first
    if (name, first) in MISSING_BETWEEN:
        return first
    return usual


def disc_id_above(vertebra: int) -> int | None:
    """Id of the disc above a vertebra in a usual spine; None above C2."""
    above = usual_above(NAME_OF[vertebra])
    return None if above is None else ID_OF[above] + 1
