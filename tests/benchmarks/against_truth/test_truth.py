"""Masks find their scans, and show what they show."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

pytest.importorskip("torch")

from TPTBox import NII

from benchmarks.against_truth.label_sets import FAMILIES
from benchmarks.against_truth.mask_files import (
    Pair,
    find_masks,
    mask_entities,
    pair_masks,
    participant_counts,
)
from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.scan import Result, measure
from benchmarks.against_truth.tables import accuracy_rows, instance_rows
from benchmarks.against_truth.truth import (
    BY_CORNERS,
    BY_FACES,
    MIN_DISC_MM3,
    Truth,
    load_truth,
    number_pieces,
)
from spineps_nipype.bids.compatibility import modality_of
from spineps_nipype.bids.names import parse_name
from spineps_nipype.bids.query import Scan
from spineps_nipype.core.images import load_mask
from spineps_nipype.errors import InputError

AUTO = FAMILIES["auto"]
SHAPE = (70, 100, 8)
BODIES = 3


def affine(*zoom: float, shift: float = 0.0) -> np.ndarray:
    """Axes to posterior, inferior, right."""
    out = np.zeros((4, 4))
    out[1, 0], out[2, 1], out[0, 2] = -zoom[0], -zoom[1], zoom[2]
    out[:, 3] = (shift, 50, 60, 1)
    return out


GRID = affine(1.0, 1.0, 2.0)


def spider_mask() -> np.ndarray:
    """Three bodies with discs below, in front of a canal; arches behind it."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[30:40] = 3
    mask[42:50, 5:95] = 1
    for k in range(BODIES):
        mask[5:25, 5 + 25 * k : 24 + 25 * k] = 1
        mask[5:25, 24 + 25 * k : 30 + 25 * k] = 2
    return mask


def result_masks() -> Result:
    """The same as labels of the pipeline: L3, L4, L5 and their discs."""
    mask = spider_mask()
    spine = np.select([mask == 1, mask == 2, mask == 3], [49, 100, 61], 0).astype(np.uint8)
    spine[42:50][spine[42:50] == 49] = 41
    vert = np.zeros(SHAPE, np.uint8)
    for k, label in enumerate((22, 23, 24)):
        rows = slice(5 + 25 * k, 30 + 25 * k)
        vert[:, rows][np.isin(spine[:, rows], (41, 49))] = label
        vert[:, rows][spine[:, rows] == 100] = 100 + label
    return Result(spine, vert)


def write(path: Path, array: np.ndarray, grid: np.ndarray = GRID) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, grid), path)
    return path


def scan(path: Path) -> Scan:
    name = parse_name(path)
    return Scan(path, name, modality_of(name.suffix))


@pytest.fixture
def image() -> NII:
    grey = np.random.default_rng(0).random(SHAPE, np.float32)
    return NII(nib.Nifti1Image(grey, GRID), False)


def truth_of(tmp_path: Path, image: NII, *masks: Path, **counts: int) -> Truth:
    pair = Pair(scan(tmp_path / "sub-1" / "anat" / "sub-1_T2w.nii.gz"), masks)
    return load_truth(pair, image, AUTO, counts)


def test_entities_of_masks() -> None:
    assert mask_entities(Path("sub-1_ses-2_T2w_dseg.nii.gz")) == {
        **{"sub": "1", "ses": "2", "mod": "T2w"},
    }
    name = "sub-1_acq-sag_mod-T1w_seg-vert_msk.nii.gz"
    assert mask_entities(Path(name)) == {"sub": "1", "acq": "sag", "mod": "T1w", "seg": "vert"}


def test_masks_find_their_scans(tmp_path: Path) -> None:
    names = (
        *("sub-1/anat/sub-1_T2w", "sub-1/anat/sub-1_T1w", "sub-1/anat/sub-1_run-2_T2w"),
        *("sub-2/ses-a/anat/sub-2_ses-a_T2w", "sub-3/anat/sub-3_T2w", "sub-3/anat/sub-3_T1w"),
    )
    small = np.zeros((3, 4, 5), np.uint8)
    paths = [write(tmp_path / f"{name}.nii.gz", small) for name in names]
    write(paths[5], small, affine(1, 1, 2, shift=9))
    masks = [
        write(tmp_path / "derivatives/manual" / name, small)
        for name in (
            *("sub-1_mod-T1w_seg-spine_msk.nii.gz", "sub-1_run-2_dseg.nii.gz"),
            *("sub-2_ses-a_seg-vert_label-7_msk.nii.gz", "sub-2_ses-b_dseg.nii.gz"),
            *("sub-3_dseg.nii.gz", "sub-9_dseg.nii.gz", "sub-1_T2w_dseg.nii.gz"),
        )
    ]
    odd = write(tmp_path / "derivatives/manual/sub-3_desc-odd_dseg.nii.gz", small, affine(2, 2, 2))
    pairs, left = pair_masks([scan(path) for path in paths], [*masks, odd])
    assert {pair.name: [m.name for m in pair.masks] for pair in pairs} == {
        "sub-1_T2w": ["sub-1_T2w_dseg.nii.gz"],
        "sub-1_T1w": ["sub-1_mod-T1w_seg-spine_msk.nii.gz"],
        "sub-1_run-2_T2w": ["sub-1_run-2_dseg.nii.gz"],
        "sub-2_ses-a_T2w": ["sub-2_ses-a_seg-vert_label-7_msk.nii.gz"],
        "sub-3_T2w": ["sub-3_dseg.nii.gz"],  # its grid, not that of the T1w scan
    }
    assert {path.name: why.split()[0] for path, why in left} == {
        "sub-2_ses-b_dseg.nii.gz": "no",
        "sub-9_dseg.nii.gz": "no",
        "sub-3_desc-odd_dseg.nii.gz": "several",
    }


def test_folder_of_masks(tmp_path: Path) -> None:
    mask = write(tmp_path / "derivatives/experts/sub-1/sub-1_dseg.nii.gz", np.zeros((2, 2, 2)))
    assert find_masks(tmp_path, "experts") == [mask]
    assert find_masks(tmp_path, str(mask.parent)) == [mask]
    with pytest.raises(InputError, match=r"--derivative.*experts"):
        find_masks(tmp_path, "manual")


def test_spider_bodies_discs_and_levels(tmp_path: Path, image: NII) -> None:
    path = write(tmp_path / "sub-1_dseg.nii.gz", spider_mask())
    truth = truth_of(tmp_path, image, path, num_vertebrae=3)
    assert truth.vertebrae is not None
    assert truth.discs is not None
    assert truth.vertebrae.names == {1: "L3", 2: "L4", 3: "L5"}
    assert truth.discs.numbers == (1, 2, 3)
    measured = measure(image, truth, result_masks(), named=True)
    assert {s.structure: s.overlap.dice for s in measured.scores} == dict.fromkeys(
        ("vertebra", "disc", "canal"), 1.0
    )
    assert [s.truth_mm3 == s.result_mm3 for s in measured.scores] == [True] * 3
    assert all(found.matching.right for found in measured.kinds.values())
    assert measured.kinds["vertebra"].levels == {1: True, 2: True, 3: True}
    # without names nothing is said of levels; nor where the table counts other vertebrae
    assert not measure(image, truth, result_masks(), named=False).kinds["vertebra"].levels
    unsure = truth_of(tmp_path, image, path, num_vertebrae=4).vertebrae
    assert unsure is not None
    assert not unsure.names


def test_published_spider_masks(tmp_path: Path, image: NII) -> None:
    mask, joined = np.zeros(SHAPE, np.uint8), spider_mask()
    mask[joined == 3] = 100
    for k in range(BODIES):
        rows = slice(5 + 25 * k, 30 + 25 * k)
        mask[:, rows][joined[:, rows] == 1] = 3 - k
        mask[:, rows][joined[:, rows] == 2] = 203 - k
    mask[mask == 3] = 103  # partly in view
    truth = truth_of(tmp_path, image, write(tmp_path / "sub-1_dseg.nii.gz", mask))
    measured = measure(image, truth, result_masks(), named=True)
    assert measured.kinds["vertebra"].truth.expected == (1, 2)
    assert all(found.matching.right for found in measured.kinds.values())
    assert [s.structure for s in measured.scores] == ["vertebra", "disc", "canal"]


def test_structures_and_vertebrae_of_two_masks(tmp_path: Path, image: NII) -> None:
    """Levels come from the vertebra mask, bodies from the other; what truth lacks is no error."""
    masks = result_masks()
    spine, vert = masks.spine.copy(), masks.vert.copy()
    spine[spine == 61] = 0
    spine[5:25, 5:20] = 0  # of the uppermost body little is left, but it is at no border
    paths = [
        write(tmp_path / "sub-1_seg-spine_msk.nii.gz", spine),
        write(tmp_path / "sub-1_seg-vert_msk.nii.gz", vert),
    ]
    truth = truth_of(tmp_path, image, *paths)
    measured = measure(image, truth, masks, named=True)
    names = {(s.label_set, s.structure) for s in measured.scores}
    assert ("spineps-spine", "Spinal_Canal") not in names
    assert {("spineps-spine", "Vertebra_Corpus_border"), ("spineps-vert", "disc")} <= names
    assert measured.kinds["vertebra"].levels == {22: True, 23: True, 24: True}
    report = ScanReport("sub-1_T2w", measured=measured)
    assert report.vertebrae_right
    assert report.discs_right
    assert len(list(accuracy_rows([report]))) == len(names)
    rows = list(instance_rows([report]))
    assert [row[3] for row in rows] == ["found"] * 6
    assert rows[0][4:10] == (22, "L3", 22, "L3", 1.0, True)


def test_a_wrong_name_and_an_invented_disc(tmp_path: Path, image: NII) -> None:
    masks = result_masks()
    masks.vert[masks.vert == 24] = 25
    masks.vert[50:60, 80:90] = 125
    path = write(tmp_path / "sub-1_dseg.nii.gz", spider_mask())
    truth = truth_of(tmp_path, image, path, num_vertebrae=3)
    measured = measure(image, truth, masks, named=True)
    assert measured.kinds["vertebra"].levels == {1: True, 2: True, 3: False}
    assert measured.kinds["disc"].matching.extra == (125,)
    assert ScanReport("x", measured=measured).discs_right is False


def test_a_disc_above_those_of_the_truth_is_no_mistake(tmp_path: Path, image: NII) -> None:
    masks = result_masks()
    mask = spider_mask()
    mask[:, : np.nonzero(mask == 2)[1].min() + 8] = 0  # the truth stops below the uppermost disc
    path = write(tmp_path / "sub-1_dseg.nii.gz", mask)
    measured = measure(image, truth_of(tmp_path, image, path), masks, named=True)
    assert len(measured.kinds["disc"].matching.above) == 1
    assert ScanReport("x", measured=measured).discs_right


def test_a_mask_in_another_orientation_is_turned(tmp_path: Path, image: NII) -> None:
    turned = nib.as_closest_canonical(nib.Nifti1Image(spider_mask(), GRID))
    path = tmp_path / "sub-1_dseg.nii.gz"
    nib.save(turned, path)
    truth = truth_of(tmp_path, image, path)
    assert np.array_equal(truth.masks[0][1], spider_mask())
    assert not truth.notes


def test_a_mask_on_another_grid_is_resampled_and_told(tmp_path: Path, image: NII) -> None:
    halved = spider_mask()[::2, ::2]
    path = write(tmp_path / "sub-1_dseg.nii.gz", halved, affine(2.0, 2.0, 2.0))
    truth = truth_of(tmp_path, image, path)
    assert truth.masks[0][1].shape == SHAPE
    assert "resampled" in truth.notes[0]
    overlap = measure(image, truth, result_masks(), named=False).scores[0].overlap
    assert 0.85 < overlap.dice < 1


def test_masks_that_cannot_be_used(tmp_path: Path, image: NII) -> None:
    empty = write(tmp_path / "sub-1_dseg.nii.gz", np.zeros(SHAPE, np.uint8))
    with pytest.raises(InputError, match="empty"):
        truth_of(tmp_path, image, empty)
    foreign = write(tmp_path / "sub-1_seg-x_msk.nii.gz", np.full(SHAPE, 1234, np.uint16))
    with pytest.raises(InputError, match=r"no label set \(1234\).*--label-sets"):
        truth_of(tmp_path, image, foreign)
    away = write(tmp_path / "sub-1_seg-y_msk.nii.gz", spider_mask(), affine(1, 1, 2, shift=900))
    with pytest.raises(InputError, match="outside"):
        truth_of(tmp_path, image, away)
    good = write(tmp_path / "sub-1_desc-a_dseg.nii.gz", spider_mask())
    second = write(tmp_path / "sub-1_desc-b_dseg.nii.gz", spider_mask())
    notes = truth_of(tmp_path, image, good, empty, second).notes
    assert [("empty" in note, "second" in note) for note in notes] == [
        (True, False),
        (False, True),
    ]


def test_pieces_are_numbered_from_the_top() -> None:
    mask = np.zeros((4, 12, 4), bool)
    mask[:, 8:10] = mask[:, 1:3] = True
    mask[0, 5, 0] = True
    pieces = number_pieces(mask, BY_FACES, 5.0, (1.0, 1.0, 1.0))
    assert np.unique(pieces[:, 1:3]).tolist() == [1]
    assert np.unique(pieces[:, 8:10]).tolist() == [2]
    assert not pieces[0, 5, 0]


def test_a_disc_that_hangs_together_by_a_corner_is_one() -> None:
    mask = np.zeros((4, 6, 4), bool)
    mask[:2, 2, :2] = mask[2:, 3, 2:] = True
    assert number_pieces(mask, BY_FACES, 1.0, (1.0, 1.0, 1.0)).max() == 2
    assert number_pieces(mask, BY_CORNERS, 1.0, (1.0, 1.0, 1.0)).max() == 1


def test_real_masks_have_the_discs_that_are_listed(shared_dir: Path) -> None:
    dataset = shared_dir / "data" / "spider"
    counts = participant_counts(dataset)
    listed = {subject: row["num_discs"] for subject, row in counts.items()}
    shown = {}
    for path in (dataset / "derivatives" / "manual").glob("**/*_dseg.nii.gz"):
        mask = load_mask(path)
        discs = number_pieces(mask.get_array() == 2, BY_CORNERS, MIN_DISC_MM3, mask.zoom)
        shown[parse_name(path).entities["sub"]] = int(discs.max())
    assert shown == listed | {"018": 7}  # eight are listed; its slab shows seven


def test_participants_table(tmp_path: Path) -> None:
    assert participant_counts(tmp_path) == {}
    table = "participant_id\tage\tnum_discs\nsub-1\t33.5\t7\nsub-2\tn/a\tn/a\n"
    (tmp_path / "participants.tsv").write_text(table)
    assert participant_counts(tmp_path) == {"1": {"num_discs": 7}, "2": {}}


def test_bodies_by_name_are_held_against_bodies(tmp_path: Path, image: NII) -> None:
    result = result_masks()
    bodies = np.where(result.spine == 49, result.vert, 0).astype(np.uint8)
    mask = write(tmp_path / "sub-1_T2w_dseg.nii.gz", bodies)
    pair = Pair(scan(tmp_path / "sub-1" / "anat" / "sub-1_T2w.nii.gz"), (mask,))
    truth = load_truth(pair, image, FAMILIES["bodies"], {})
    measured = measure(image, truth, result, named=True)
    assert [(s.structure, s.overlap.dice) for s in measured.scores] == [("body", 1.0)]
    found = measured.kinds["vertebra"]
    assert [match.dice for match in found.matching.found] == [1.0] * BODIES
    assert found.levels == {22: True, 23: True, 24: True}


def test_bodies_that_a_truth_does_not_name_are_not_judged(tmp_path: Path, image: NII) -> None:
    """A body above those of the truth costs nothing; one that is too thick does."""
    result = result_masks()
    bodies = np.where(result.spine == 49, result.vert, 0).astype(np.uint8)
    bodies[bodies == 22] = 0
    mask = write(tmp_path / "sub-1_T2w_dseg.nii.gz", bodies)
    pair = Pair(scan(tmp_path / "sub-1" / "anat" / "sub-1_T2w.nii.gz"), (mask,))
    truth = load_truth(pair, image, FAMILIES["bodies"], {})
    (score,) = measure(image, truth, result, named=True).scores
    assert score.overlap.dice == 1.0
    result.spine[0:5][bodies[5:10] > 0] = 49
    (score,) = measure(image, truth, result, named=True).scores
    assert score.overlap.dice < 0.95


def test_without_a_canal_nobody_can_tell_the_bodies(tmp_path: Path, image: NII) -> None:
    mask = spider_mask()
    mask[mask == 3] = 0
    truth = truth_of(tmp_path, image, write(tmp_path / "sub-1_T2w_dseg.nii.gz", mask))
    assert truth.vertebrae is None
    assert truth.discs is not None
    measured = measure(image, truth, result_masks(), named=True)
    assert list(measured.kinds) == ["disc"]
    assert {score.structure for score in measured.scores} == {"vertebra", "disc"}
