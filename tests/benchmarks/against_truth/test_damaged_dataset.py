"""Damaged scans on disk: images, masks, names, read again by the rules of the truth."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from benchmarks.against_truth.damaged_dataset import MASKS, Wish, read_pair, write_damaged
from benchmarks.against_truth.label_sets import find_sets
from benchmarks.against_truth.mask_files import Pair, find_masks, pair_masks
from benchmarks.against_truth.scan import load_scan
from benchmarks.against_truth.truth import Truth, load_truth
from spineps_nipype.bids.query import find_scans

WHOLE = Wish("whole", 0, 0.0)
CROP = Wish("bottom", 2, 40.0)
SETS = find_sets("auto")


def spider(root: Path, *, counted: int = 3) -> None:
    """A scan of three bodies (1), discs (2) and a canal (3), as SPIDER has them."""
    mask = np.zeros((60, 110, 16), np.uint8)
    mask[40:48, 2:108, 3:13] = 3
    for number in range(3):
        mask[8:36, 8 + 32 * number : 34 + 32 * number, 2:14] = 1
        mask[8:36, 34 + 32 * number : 39 + 32 * number, 2:14] = 2
    image = np.where(mask > 0, 300, 100).astype(np.int16)
    affine = np.array([[0, 0, 1.0, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    for folder, array, name in (
        (root, image, "sub-01_acq-sag_T2w"),
        (root / "derivatives" / "manual", mask, "sub-01_acq-sag_dseg"),
    ):
        path = folder / "sub-01" / "anat" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True)
        nib.save(nib.Nifti1Image(array, affine), path)
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    row = f"participant_id\tnum_vertebrae\tnum_discs\nsub-01\t{counted}\t3\n"
    (root / "participants.tsv").write_text(row)


def pairs_of(root: Path, derivative: str = "manual") -> list[Pair]:
    scans = find_scans(root, modalities=("T2w",), plane="sag").scans
    return pair_masks(scans, find_masks(root, derivative))[0]


def read(pair: Pair) -> Truth:
    return load_truth(pair, load_scan(pair.scan.path), SETS)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    spider(tmp_path / "spider")
    source, root = tmp_path / "spider", tmp_path / "scans"
    left = write_damaged(pairs_of(source), SETS, [WHOLE, CROP], source, root)
    assert left == []
    return root


def test_each_damage_is_a_session_with_its_masks(made: Path) -> None:
    pairs = {pair.scan.name.session: pair for pair in pairs_of(made, MASKS)}
    assert set(pairs) == {"whole", "bottom2"}
    assert all(len(pair.masks) == 2 for pair in pairs.values())
    for pair in pairs.values():
        shapes = {nib.load(path).shape for path in (pair.scan.path, *pair.masks)}
        assert len(shapes) == 1


def test_names_stay_where_the_lowest_vertebra_is_gone(made: Path) -> None:
    pairs = {pair.scan.name.session: pair for pair in pairs_of(made, MASKS)}
    names = {}
    for session, pair in pairs.items():
        truth = read(pair)
        assert truth.vertebrae is not None
        assert truth.bodies_only
        present = set(np.unique(truth.vertebrae.labels)) - {0}
        names[session] = {truth.vertebrae.names[n] for n in present}
        assert {labels.name for labels, _ in truth.masks} == {"spider", "named-instances"}
    assert names["whole"] == {"L3", "L4", "L5"}
    assert "L3" in names["bottom2"]
    assert "L5" not in names["bottom2"]


def test_without_certain_names_there_are_numbers(tmp_path: Path) -> None:
    source, root = tmp_path / "spider", tmp_path / "scans"
    spider(source, counted=5)
    _, names = read_pair(pairs_of(source)[0], SETS, {"num_vertebrae": 5})
    assert names == {}
    write_damaged(pairs_of(source), SETS, [WHOLE], source, root)
    truth = read(pairs_of(root, MASKS)[0])
    assert {labels.name for labels, _ in truth.masks} == {"spider", "numbered-instances"}
    assert truth.vertebrae is not None
    assert truth.vertebrae.numbers == (1, 2, 3)
    assert not truth.vertebrae.names


def test_a_disc_stays_one_where_its_mask_falls_apart(tmp_path: Path) -> None:
    """A disc whose halves hang together by a slice that lies between two that are shown."""
    source, root = tmp_path / "spider", tmp_path / "scans"
    spider(source)
    path = next(source.glob("derivatives/**/*.nii.gz"))
    mask = nib.load(path)
    values = np.asarray(mask.dataobj).copy()
    values[8:36, 34:39, 2:14] = 0
    values[8:20, 34:39, 2:7] = values[8:36, 34:39, 7] = values[24:36, 34:39, 8:14] = 2
    nib.save(nib.Nifti1Image(values, mask.affine), path)
    write_damaged(pairs_of(source), SETS, [WHOLE, Wish("gaps", 2, 3.0)], source, root)
    for pair in pairs_of(root, MASKS):
        discs = read(pair).discs
        assert discs is not None
        assert len(discs.numbers) == 3


def test_what_is_there_stays_and_what_cannot_be_made_is_told(made: Path, tmp_path: Path) -> None:
    path = next(made.glob("sub-01/ses-whole/anat/*.nii.gz"))
    before = path.stat().st_mtime_ns
    source = tmp_path / "spider"
    left = write_damaged(pairs_of(source), SETS, [WHOLE, Wish("bottom", 4, 900.0)], source, made)
    assert path.stat().st_mtime_ns == before
    assert [(subject, wish.number) for subject, wish, _ in left] == [("01", 4)]
