"""What the network of forms sees of numbered bodies. Source: ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import CORPUS_BORDER
from ..core.anatomy import DISC as CORE_DISC
from ..core.vertebra_form import forms_without_room
from .slices import upright


def forms_with_votes(
    bodies: NDArray[Any],
    discs: NDArray[np.bool_],
    votes: NDArray[np.float64],
    spacing: Sequence[float],
) -> NDArray[np.float64]:
    """Measures of bodies, and beside them the votes of the second network.

    Parameters
    ----------
    bodies
        Instances from the top, 1 to n; axes sagittal slice, posterior to anterior, inferior to
        superior.
    discs
        Mask on the same grid.
    votes
        Shape (n, 25): share of each class, C2 to S1; rows of zeros where nothing was said.
    spacing
        mm of the axes P, I, R.

    Returns
    -------
    array, shape (n, FEATURES + 25)
    """
    vert, disc = upright(bodies), upright(discs)
    spine = np.where(vert > 0, CORPUS_BORDER, np.where(disc, CORE_DISC, 0))
    forms = forms_without_room(spine, vert, range(1, len(votes) + 1), spacing)
    return np.concatenate([forms, votes], axis=1)
