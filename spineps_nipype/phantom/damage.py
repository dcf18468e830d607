"""Graded damage: what scanners, patients and exports do to a scan, with the masks that go with it.

A damage is a function of scan, grade and seed; the same three give the same scan. Arrays are
(P, I, R). The grades are ours: from what is hardly seen to what no reader would accept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import numpy as np
from scipy.ndimage import affine_transform, distance_transform_edt, gaussian_filter

from ..core.image_checks import MIN_SLICES
from .geometry import Array
from .render import smooth_noise

LEVELS: Final = "levels"
"""Mask that numbers the vertebrae; the crops need it, and the implants take their places there."""
TOP_PERCENTILE: Final = 99.0
"""Grey value that noise, voids and inversion are relative to."""
BIAS_CELL_MM: Final = 60.0
"""How fast a bias field changes."""
GHOST_SHARES: Final = (0.11, 0.19)
"""Distance of the first ghosts, as a share of the field of view."""
RIM_MM: Final = 2.5
"""Width of the bright rim of a void."""
RIM_GAIN: Final = 1.4
IMPLANTS: Final = 2
"""Neighbouring vertebrae with metal."""
KEPT_ABOVE_MM: Final = 6.0
"""What a crop leaves above and below the vertebrae that stay."""


@dataclass(frozen=True)
class Scan:
    """A scan with its masks.

    Parameters
    ----------
    image
        Grey values, (P, I, R).
    affine
        Voxel to world, mm; its axes are P, I, R.
    masks
        Label arrays on the same grid.
    """

    image: Array
    affine: Array
    masks: Mapping[str, Array] = field(default_factory=dict)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in P, I, R, mm."""
        p, i, r = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(p), float(i), float(r)

    @property
    def top(self) -> float:
        """Grey value of bright tissue above that of the background."""
        return float(np.percentile(self.image, TOP_PERCENTILE) - self.image.min()) or 1.0


class Damage(NamedTuple):
    """A kind of damage.

    Parameters
    ----------
    words
        What it is, for tables and axes, with the unit of its grades.
    grades
        Usual ones, from mild to severe.
    apply
        Takes scan, grade and random numbers.
    """

    words: str
    grades: tuple[float, ...]
    apply: Callable[[Scan, float, np.random.Generator], Scan]


def damaged(scan: Scan, kind: str, grade: float, seed: int = 0) -> Scan:
    """A scan with one kind of damage.

    Parameters
    ----------
    kind
        One of `DAMAGES`.
    grade
        How severe, in the unit of the kind.
    seed
        Of everything that is drawn.

    Raises
    ------
    ValueError
        If there is no such damage, or it leaves nothing of the scan.
    """
    if kind not in DAMAGES:
        raise ValueError(f"no damage is called {kind!r}; there are {', '.join(DAMAGES)}")
    whole = replace(scan, image=np.asarray(scan.image, np.float32))
    rng = np.random.default_rng((seed, *kind.encode()))
    return DAMAGES[kind].apply(whole, float(grade), rng)


def _noise(scan: Scan, grade: float, rng: np.random.Generator) -> Scan:
    """Noise of magnitude images; of all places, those without signal too."""
    level = np.float32(grade * scan.top)
    real, other = (rng.standard_normal(scan.image.shape, dtype=np.float32) for _ in "ab")
    low = scan.image.min()
    image = np.hypot(scan.image - low + level * real, level * other) + low
    return replace(scan, image=image)


def _blur(scan: Scan, grade: float, _: np.random.Generator) -> Scan:
    """Blur in the sagittal plane, standard deviation in mm."""
    p, i, _r = scan.spacing
    return replace(scan, image=gaussian_filter(scan.image, (grade / p, grade / i, 0)))


def _bias(scan: Scan, grade: float, rng: np.random.Generator) -> Scan:
    """Smooth field whose logarithm has this standard deviation."""
    cells = [max(2, round(BIAS_CELL_MM / mm)) for mm in scan.spacing]
    field = smooth_noise(scan.image.shape, (cells[0], cells[1], cells[2]), rng)
    field = (field - field.mean()) / (field.std() or 1.0)
    low = scan.image.min()
    return replace(scan, image=(scan.image - low) * np.exp(np.float32(grade) * field) + low)


def _ghosts(scan: Scan, grade: float, rng: np.random.Generator) -> Scan:
    """Copies of the image on both sides of it along I, the direction of phases."""
    shift = max(1, round(rng.uniform(*GHOST_SHARES) * scan.image.shape[1]))
    image = scan.image * np.float32(1 - grade / 2)
    for copy, share in ((1, 0.7), (2, 0.3)):
        for way in (shift, -shift):
            moved = np.roll(scan.image, copy * way, axis=1)
            image += np.float32(grade * share / 2) * moved
    return replace(scan, image=image)


def _gamma(scan: Scan, grade: float, _: np.random.Generator) -> Scan:
    """Curve of grey values: below 1 brighter, above darker."""
    low = scan.image.min()
    share = np.clip((scan.image - low) / scan.top, 0, None)
    return replace(scan, image=share ** np.float32(grade) * scan.top + low)


def _inversion(scan: Scan, grade: float, _: np.random.Generator) -> Scan:
    """So much of the way (at most all) to a picture in which bright is dark."""
    grade = min(grade, 1.0)
    low = scan.image.min()
    inverse = np.clip(low + scan.top - (scan.image - low), low, None)
    air = scan.image <= low + 0.02 * scan.top
    mixed = (1 - grade) * scan.image + grade * inverse
    return replace(scan, image=np.where(air, scan.image, mixed).astype(np.float32))


def _missing(scan: Scan, grade: float, rng: np.random.Generator) -> Scan:
    """So many sagittal slices are black, as after a faulty export."""
    slices = scan.image.shape[2]
    lost = rng.permutation(slices)[: min(round(grade), slices - 1)]
    image = scan.image.copy()
    image[..., lost] = scan.image.min()
    return replace(scan, image=image)


def _gaps(scan: Scan, grade: float, _: np.random.Generator) -> Scan:
    """Thin slices this far apart (mm), nothing of what lies between."""
    step = max(1, round(grade / scan.spacing[2]))
    first = (scan.image.shape[2] - 1) % step // 2
    return _sampled(scan, scan.image, first, step)


def _thick(scan: Scan, grade: float, _: np.random.Generator) -> Scan:
    """Slices this thick (mm): the mean of the thin ones, and the mask of their middle."""
    step = max(1, round(grade / scan.spacing[2]))
    count = scan.image.shape[2] // step
    start = (scan.image.shape[2] - count * step) // 2
    part = scan.image[..., start : start + count * step]
    mean = part.reshape(*part.shape[:2], count, step).mean(axis=-1) if count else part
    whole = np.repeat(mean, step, axis=2)
    padded = np.zeros_like(scan.image)
    padded[..., start : start + count * step] = whole
    return _sampled(scan, padded, start + (step - 1) // 2, step)


def _sampled(scan: Scan, image: Array, first: int, step: int) -> Scan:
    """Every so-manieth sagittal slice of an image and of the masks."""
    pick = np.s_[..., first::step]
    if image[pick].shape[2] < MIN_SLICES:
        raise ValueError(f"only {image[pick].shape[2]} slices would be left")
    affine = scan.affine.copy()
    affine[:3, 3] += first * affine[:3, 2]
    affine[:3, 2] *= step
    masks = {name: mask[pick] for name, mask in scan.masks.items()}
    return Scan(image[pick], affine, masks)


def _rotation(scan: Scan, grade: float, rng: np.random.Generator) -> Scan:
    """Turned in the sagittal plane about its middle (degrees), to a side that is drawn."""
    angle = math.radians(grade) * rng.choice((-1, 1))
    mm = np.diag(scan.spacing)
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    matrix = np.linalg.inv(mm) @ turn @ mm
    middle = (np.array(scan.image.shape) - 1) / 2
    offset = middle - matrix @ middle
    low = float(scan.image.min())
    image = affine_transform(scan.image, matrix, offset, order=1, cval=low)
    masks = {
        name: affine_transform(mask, matrix, offset, order=0) for name, mask in scan.masks.items()
    }
    return Scan(image, scan.affine, masks)


def _metal(scan: Scan, grade: float, rng: np.random.Generator) -> Scan:
    """Voids of this radius (mm) with a bright rim in neighbouring vertebrae; masks stay."""
    levels = _levels(scan)
    first = int(rng.integers(0, max(1, len(levels) - IMPLANTS + 1)))
    image, low = scan.image.copy(), scan.image.min()
    for number in levels[first : first + IMPLANTS]:
        places = np.argwhere(scan.masks[LEVELS] == number)
        seed = np.ones(image.shape, bool)
        middle = places.mean(axis=0) + rng.normal(0, 4, 3) / scan.spacing
        at = np.clip(np.round(middle).astype(int), 0, np.array(image.shape) - 1)
        seed[tuple(at)] = False
        away = distance_transform_edt(seed, sampling=scan.spacing)
        image[away < grade + RIM_MM] *= np.float32(RIM_GAIN)
        image[away < grade] = low
    return replace(scan, image=image)


def _crop(scan: Scan, grade: float, rng: np.random.Generator) -> Scan:
    """Only so many vertebrae are in view; which ones is drawn."""
    levels = _levels(scan)
    count = max(1, min(round(grade), len(levels)))
    first = int(rng.integers(0, len(levels) - count + 1))
    kept = levels[first : first + count]
    return _rows(scan, _reach(scan, kept[0])[0], _reach(scan, kept[-1])[1])


def _top(scan: Scan, grade: float, _: np.random.Generator) -> Scan:
    """The view begins this far (mm) below the upper end of the first vertebra."""
    start = _reach(scan, _levels(scan)[0])[0] + round((grade + KEPT_ABOVE_MM) / scan.spacing[1])
    return _rows(scan, start, scan.image.shape[1])


def _bottom(scan: Scan, grade: float, _: np.random.Generator) -> Scan:
    """The view ends this far (mm) above the lower end of the last vertebra."""
    stop = _reach(scan, _levels(scan)[-1])[1] - round((grade + KEPT_ABOVE_MM) / scan.spacing[1])
    return _rows(scan, 0, stop)


def _rows(scan: Scan, start: int, stop: int) -> Scan:
    """Rows along I."""
    start, stop = max(start, 0), min(stop, scan.image.shape[1])
    if stop - start < MIN_SLICES:
        raise ValueError("nothing of the scan would be left")
    affine = scan.affine.copy()
    affine[:3, 3] += start * affine[:3, 1]
    masks = {name: mask[:, start:stop] for name, mask in scan.masks.items()}
    return Scan(scan.image[:, start:stop], affine, masks)


def _levels(scan: Scan) -> list[int]:
    """Numbers of the vertebrae of a scan, from the top.

    Raises
    ------
    ValueError
        If no mask shows any.
    """
    mask = scan.masks.get(LEVELS)
    numbers = [] if mask is None else [int(n) for n in np.unique(mask) if n]
    if mask is None or not numbers:
        raise ValueError(f"a mask {LEVELS!r} has to show where the vertebrae are")
    return sorted(numbers, key=lambda n: float(np.nonzero(mask == n)[1].mean()))


def _reach(scan: Scan, number: int) -> tuple[int, int]:
    """First row of a vertebra and the one after its last, with some room."""
    rows = np.nonzero(scan.masks[LEVELS] == number)[1]
    room = round(KEPT_ABOVE_MM / scan.spacing[1])
    return int(rows.min()) - room, int(rows.max()) + 1 + room


DAMAGES: Final[Mapping[str, Damage]] = {
    "noise": Damage("noise (share of bright tissue)", (0.05, 0.1, 0.2, 0.35), _noise),
    "blur": Damage("blur (sd, mm)", (0.75, 1.5, 2.5, 4.0), _blur),
    "bias": Damage("bias field (sd of its logarithm)", (0.3, 0.6, 1.0, 1.5), _bias),
    "ghosts": Damage("motion ghosts (share)", (0.15, 0.3, 0.5, 0.8), _ghosts),
    "missing": Damage("black slices (number)", (1, 2, 4, 6), _missing),
    "gaps": Damage("thin slices (mm apart)", (2, 3, 4.5, 6), _gaps),
    "thick": Damage("thick slices (mm)", (2, 3, 4.5, 6), _thick),
    "bright": Damage("brighter curve (gamma)", (0.8, 0.6, 0.4, 0.25), _gamma),
    "dark": Damage("darker curve (gamma)", (1.3, 1.8, 2.5, 4.0), _gamma),
    "inversion": Damage("inverted contrast (share)", (0.3, 0.5, 0.7, 1.0), _inversion),
    "metal": Damage("metal voids (radius, mm)", (6, 10, 15, 22), _metal),
    "rotation": Damage("rotation (degrees)", (5, 10, 15, 20), _rotation),
    "crop": Damage("crop (vertebrae in view)", (6, 5, 4, 2), _crop),
    "top": Damage("top cut off (mm)", (10, 25, 50, 80), _top),
    "bottom": Damage("bottom cut off (mm)", (10, 25, 50, 80), _bottom),
}
"""All kinds of damage by name."""
