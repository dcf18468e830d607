"""Masks of slices that have none, from what a network says of the T1 and the T2 of one slice.

    python -m training.semantic.slice_masks PACKAGE --slices BIDS --out DIR

Both images of a patient show the same slice, so they share the mask. It is taken from the T2,
which the network knows best, where it is sure of it and the T1 does not say with the same
certainty that something else is there; all else is unknown and teaches nothing. A pair that
disagrees about much (another slice, another position) is left out. Patients whom training never
sees have no masks. The masks are on the finest grid, in the layout of ``derivatives/manual``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from spineps_nipype.core.geometry import PIR, rescale
from spineps_nipype.core.images import load_map, save_nii
from spineps_nipype.core.volume import Volume, make_volume
from training.common.options import add_threads
from training.common.patches import FINEST
from training.common.real_scans import SPINE_MASK, kept_from_training
from training.semantic.marginal_loss import SPIDER_SETS, set_table
from training.semantic.recipe import build_network, starting_weights
from training.semantic.slices import UNKNOWN, prepared_image

PAIR: Final = ("T1w", "T2w")
SURE: Final = 0.8
"""Least probability of what a mask says, and of what speaks against it."""
LEAST_AGREEMENT: Final = 0.75
"""Least Dice of the vertebrae in both images."""
SLAB: Final = 8
"""Copies of a slice that the network sees: as many as in a narrow slab of thick slices."""
STRIDE: Final = 16
"""Planes are padded to multiples of it."""

Array = np.ndarray


def middle_pairs(root: Path) -> Iterator[tuple[str, Path, Path]]:
    """Patient, T1 and T2 of the middle slices in a folder, without those never trained on."""
    kept = kept_from_training()
    for first in sorted(root.glob(f"sub-*/anat/*_acq-tsemid_{PAIR[0]}.nii.gz")):
        subject = first.parts[-3]
        second = first.with_name(first.name.replace(PAIR[0], PAIR[1]))
        if second.is_file() and subject not in kept:
            yield subject, first, second


@torch.no_grad()
def set_probabilities(network: nn.Module, image: Array) -> Array:
    """Probability of each value of a SPIDER mask in a prepared slice: (values, P, I).

    Parameters
    ----------
    image
        From `slices.prepared_image`: (P, I, 1).
    """
    plane = torch.from_numpy(np.ascontiguousarray(image[..., 0].T))
    rows, columns = plane.shape
    slab = torch.full((SLAB, *(STRIDE * -(-n // STRIDE) for n in plane.shape)), float(plane.min()))
    slab[:, :rows, :columns] = plane
    soft = network(slab[None, None]).float().softmax(1)[0].mean(1)[:, :rows, :columns]
    table = set_table(list(SPIDER_SETS.values()))[-len(SPIDER_SETS) :].float()
    # a class that two sets hold counts for both; background holds what no other set does
    sums = torch.einsum("cyx,kc->kyx", soft, table)
    return np.asarray(sums.numpy().transpose(0, 2, 1))


def shared_mask(first: Array, second: Array) -> Array | None:
    """Mask of a slice from the probabilities of its T1 and of its T2.

    Returns
    -------
    array or None
        Values of a SPIDER mask or `UNKNOWN`, (P, I); None if both disagree about the vertebrae.
    """
    one, other = first.argmax(0), second.argmax(0)
    bones = np.count_nonzero(one == 1) + np.count_nonzero(other == 1)
    both = np.count_nonzero((one == 1) & (other == 1))
    if not bones or 2 * both / bones < LEAST_AGREEMENT:
        return None
    sure = second.max(0) >= SURE
    denied = (one != other) & (first.max(0) >= SURE)
    return np.where(sure & ~denied, other, UNKNOWN).astype(np.uint8)


def write_masks(network: nn.Module, root: Path, out: Path) -> int:
    """Write the masks of all pairs in a folder; returns how many pairs have some."""
    count = 0
    for subject, *files in middle_pairs(root):
        images = [load_map(path).reorient(PIR) for path in files]
        ready = [prepared_image(image) for image in images]
        if ready[0].shape != ready[1].shape or not same_thickness(images):
            print(f"{subject}: not the same slice", flush=True)
            continue
        mask = shared_mask(*(set_probabilities(network, grey) for grey in ready))
        if mask is None:
            print(f"{subject}: the images disagree", flush=True)
            continue
        print(f"{subject}: {np.mean(mask == UNKNOWN):.1%} unknown", flush=True)
        for path, image in zip(files, images, strict=True):
            grid = rescale(image, (*FINEST[:2], float(image.zoom[2])))
            stem = path.name.removesuffix(".nii.gz")
            target = out / subject / "anat" / f"{stem}_{SPINE_MASK}_dseg.nii.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            save_nii(make_volume(mask[..., None], grid.affine, seg=True), target)
        count += 1
    return count


def same_thickness(images: Sequence[Volume]) -> bool:
    """Whether slices are equally thick."""
    return bool(np.ptp([image.zoom[2] for image in images]) < 0.1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the masks."""
    parser = argparse.ArgumentParser(
        prog="python -m training.semantic.slice_masks", description=__doc__
    )
    parser.add_argument("package", type=Path, help="package or checkpoint of the network")
    parser.add_argument("--slices", type=Path, required=True, help="BIDS folder of the slices")
    parser.add_argument("--out", type=Path, required=True, help="folder of the masks")
    add_threads(parser)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    network = build_network()
    network.load_state_dict(starting_weights(options.package))
    count = write_masks(network.eval(), options.slices, options.out)
    print(f"{count} pairs have masks")
    return 0 if count else 1


if __name__ == "__main__":
    raise SystemExit(main())
