"""What the truth masks of a scan show on its grid: structures, vertebrae and discs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from TPTBox import NII

from benchmarks.against_truth.label_sets import LabelSet, choose_set
from benchmarks.against_truth.mask_files import SAME_GRID_MM, Pair
from benchmarks.against_truth.measures import Instances, cut_off
from benchmarks.against_truth.spider_bodies import MIN_BODY_MM3, lumbar_names, number_bodies
from spineps_nipype.core.components import component_centroids, component_sizes, label_components
from spineps_nipype.core.geometry import to_input_grid
from spineps_nipype.core.images import load_mask
from spineps_nipype.errors import InputError

TRUTH_VERSION: Final = 3
"""Version of the rules by which masks become structures, vertebrae, discs and names: this file,
`spider_bodies`, `label_sets`, `measures.cut_off` and `scan.judged_rows`, and by which a scan is
right: `measures.Matching.right`. It stands beside every figure; raise it whenever the same mask
would be read differently."""
MIN_DISC_MM3: Final = 100.0
"""Smaller pieces of a mask that joins all discs are no discs."""
BY_FACES, BY_CORNERS = 1, 3
"""What connects the voxels of a piece. Neighbouring bodies may touch at corners, where their disc
is thin; a thin disc may hang together by corners alone, while discs have a body between them. By
corners, 29 of the 30 SPIDER masks have as many discs as their data set lists, by faces 28."""
SHOWN_VALUES: Final = 12
"""So many values of a mask are named in a message."""

Array = np.ndarray


@dataclass
class Truth:
    """What the masks of a scan show, on the grid of the scan, in P, I, R.

    Parameters
    ----------
    masks
        Arrays with their label sets.
    vertebrae, discs
        Instances, None where no mask tells them.
    bodies_only
        Whether the vertebrae are bodies without arches.
    notes
        What a reader of the figures has to know.
    """

    masks: list[tuple[LabelSet, Array]]
    vertebrae: Instances | None = None
    discs: Instances | None = None
    bodies_only: bool = False
    notes: list[str] = field(default_factory=list)


def load_truth(
    pair: Pair, image: NII, sets: Sequence[LabelSet], counts: Mapping[str, int] | None = None
) -> Truth:
    """Read the masks of a scan.

    Parameters
    ----------
    image
        The scan in P, I, R.
    sets
        Label sets to choose from.
    counts
        Row of the participants table.

    Raises
    ------
    InputError
        If a mask cannot be read, fits no label set, or none shows anything on the scan.
    """
    truth = Truth([])
    for path in pair.masks:
        _add_mask(truth, path, image, sets, pair.scan.modality)
    if not truth.masks:
        raise InputError("All masks of the scan are empty.", file=pair.masks[0])
    spacing = tuple(float(z) for z in image.zoom)
    _find_vertebrae(truth, spacing)
    _find_discs(truth, spacing)
    _name_lumbar(truth, counts or {})
    return truth


def _add_mask(
    truth: Truth, path: Path, image: NII, sets: Sequence[LabelSet], modality: str | None
) -> None:
    """Read a mask into a truth; one that is empty or of a set that is there becomes a note."""
    mask = load_mask(path)
    array = _on_image(mask, image, path, truth.notes)
    present = {int(v) for v in np.unique(mask.get_array()) if v}
    if not present:
        truth.notes.append(f"{path.name} is empty")
        return
    chosen = choose_set(sets, present, path.name, modality)
    if chosen is None:
        shown = ", ".join(map(str, sorted(present)[:SHOWN_VALUES]))
        more = ", ..." if len(present) > SHOWN_VALUES else ""
        raise InputError(
            f"The values of the mask are those of no label set ({shown}{more}).",
            file=path,
            remedy="Describe them in a file for --label-sets.",
        )
    if any(chosen is one for one, _ in truth.masks):
        truth.notes.append(f"{path.name} was left out: it is a second {chosen.name} mask")
        return
    if not array.any():
        raise InputError("The mask lies outside the scan.", file=path)
    truth.masks.append((chosen, array))


def _on_image(mask: NII, image: NII, path: Path, notes: list[str]) -> Array:
    turned = mask.reorient(image.orientation)
    same = tuple(turned.shape) == tuple(image.shape) and np.allclose(
        turned.affine, image.affine, atol=SAME_GRID_MM
    )
    if same:
        return np.asarray(turned.get_array())
    notes.append(f"{path.name} has another grid and was resampled to that of the scan")
    return np.asarray(to_input_grid(mask, image).get_array())


def _find_vertebrae(truth: Truth, spacing: Sequence[float]) -> None:
    """Find vertebrae in the mask that shows them best: by value, else as connected bodies."""
    for labels, array in truth.masks:
        if labels.vertebrae:
            own = np.where(np.isin(array, (*labels.vertebrae, *labels.partial)), array, 0)
            optional = _mostly_out_of_view(own, truth, spacing) | frozenset(labels.partial)
            truth.vertebrae = Instances(own, labels.levels, optional)
            truth.bodies_only = labels.bodies_only
            return
    for labels, array in truth.masks:
        # behind which line bodies end is told by the canal alone
        if labels.bodies and (not labels.canal or np.isin(array, labels.canal).any()):
            own = _bodies(array, labels, spacing)
            truth.vertebrae = Instances(own, {}, cut_off(own, spacing))
            truth.bodies_only = True
            return


def _mostly_out_of_view(own: Array, truth: Truth, spacing: Sequence[float]) -> frozenset[int]:
    """Vertebrae that are cut off, judged by their bodies if a mask of structures shows these."""
    for labels, array in truth.masks:
        if labels.bodies and not labels.canal:
            bodies = np.where(np.isin(array, labels.bodies), own, 0)
            without = set(np.unique(own).tolist()) - set(np.unique(bodies).tolist())
            return cut_off(bodies, spacing) | without if bodies.any() else frozenset()
    return cut_off(own, spacing)


def _bodies(array: Array, labels: LabelSet, spacing: Sequence[float]) -> Array:
    bodies = np.isin(array, labels.bodies)
    if labels.canal:
        discs, canal = np.isin(array, labels.joined_discs), np.isin(array, labels.canal)
        return number_bodies(bodies & ~discs & ~canal, discs & ~canal, canal, spacing)
    return number_pieces(bodies, BY_FACES, MIN_BODY_MM3, spacing)


def number_pieces(
    mask: Array, connected: int, smallest_mm3: float, spacing: Sequence[float]
) -> Array:
    """Number the connected pieces of a mask (P, I, R) from the top.

    Parameters
    ----------
    connected
        `BY_FACES` or `BY_CORNERS`.
    smallest_mm3
        Smaller pieces are left out.
    """
    pieces, count = label_components(mask, connected)
    volumes = component_sizes(pieces, count) * float(np.prod(spacing))
    heights = component_centroids(pieces)[:, 1]
    kept = [k for k in range(1, count + 1) if volumes[k] >= smallest_mm3]
    table = np.zeros(count + 1, np.uint16)
    table[sorted(kept, key=heights.__getitem__)] = np.arange(1, len(kept) + 1)
    return np.asarray(table[pieces])


def _find_discs(truth: Truth, spacing: Sequence[float]) -> None:
    """Find discs by value in any mask, else as pieces of a mask that joins them."""
    for by_value in (True, False):
        for labels, array in truth.masks:
            values = labels.discs if by_value else labels.joined_discs
            own = np.where(np.isin(array, values), array, 0)
            if not own.any():
                continue
            if not by_value:
                own = number_pieces(own > 0, BY_CORNERS, MIN_DISC_MM3, spacing)
            truth.discs = Instances(own, {}, cut_off(own, spacing))
            return


def _name_lumbar(truth: Truth, counts: Mapping[str, int]) -> None:
    """Name the bodies of SPIDER from L5 upwards if there are as many as the table counts.

    Its lowest disc is the one above the sacrum; six or four lumbar vertebrae are not recognised.
    """
    bodies, discs = truth.vertebrae, truth.discs
    if not (truth.bodies_only and bodies and discs and truth.masks[0][0].canal):
        return
    if not bodies.numbers or len(bodies.numbers) != counts.get("num_vertebrae"):
        return
    if np.nonzero(discs.labels)[1].max() < np.nonzero(bodies.labels)[1].max():
        return
    names = lumbar_names(len(bodies.numbers))
    truth.vertebrae = Instances(bodies.labels, names, bodies.optional)
    truth.notes.append("levels: the lowest body is taken for L5")
