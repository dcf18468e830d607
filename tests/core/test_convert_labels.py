from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.core.canonical import COLUMN_OF, System, to_canonical
from spineps_nipype.core.convert_labels import convert_labels, from_canonical
from spineps_nipype.core.nomenclature import plain_meaning, structure, structures
from spineps_nipype.errors import CompatibilityError, InputError

LUMBAR: dict[System, list[int]] = {
    # L4, disc, L5, disc, sacrum, cord, canal
    "totalspineseg": [44, 95, 45, 100, 50, 1, 2],
    "totalsegmentator": [28, 0, 27, 0, 25, 79, 0],
    "totalsegmentator_mr": [3, 0, 2, 0, 1, 0, 0],
    "spine_segmentation": [43, 44, 45, 46, 49, 0, 0],
}
VERT = np.array([23, 123, 24, 124, 26, 0, 0], np.uint8)
SPINE = np.array([49, 100, 50, 100, 26, 60, 61], np.uint8)


def line(*codes: int) -> np.ndarray:
    return np.array(codes, np.uint8).reshape(1, 1, -1)


def to(target: System, vert: Any = VERT, spine: Any = SPINE, **options: Any) -> Any:
    return convert_labels(vert, "spineps", target, spine=spine, numbering="anatomical", **options)


@pytest.mark.parametrize("target", LUMBAR)
def test_from_spineps(target: System) -> None:
    found = to(target)
    assert found.labels.tolist() == LUMBAR[target]
    assert found.labels.dtype == np.uint8
    assert found.spine is None
    assert found.extent == ("body" if target == "spine_segmentation" else "whole")


@pytest.mark.parametrize("source", LUMBAR)
@pytest.mark.parametrize("target", LUMBAR)
def test_between_the_others(source: System, target: System) -> None:
    codes = np.array(LUMBAR[source], np.uint8)
    expected = np.where(codes > 0, LUMBAR[target], 0).tolist()
    if target == "totalsegmentator" and source == "spine_segmentation":
        expected[4] = 26  # the first sacral vertebra only
    assert convert_labels(codes, source, target).labels.tolist() == expected


@pytest.mark.parametrize("source", LUMBAR)
def test_to_spineps(source: System) -> None:
    codes = np.array(LUMBAR[source], np.uint8)
    found = convert_labels(codes, source, "spineps")
    assert found.labels.tolist() == np.where(codes > 0, VERT, 0).tolist()
    bone = 49 if source == "spine_segmentation" else 40
    tissue = np.array([bone, 100, bone, 100, 26, 60, 61])
    assert found.spine is not None
    assert found.spine.tolist() == np.where(codes > 0, tissue, 0).tolist()


def test_extent_is_told() -> None:
    bodies = line(43, 44)
    assert convert_labels(bodies, "spine_segmentation", "totalspineseg").extent == "body"
    whole = line(44, 95)
    assert convert_labels(whole, "totalspineseg", "spine_segmentation").extent == "whole"


def test_only_bodies_go_to_spine_segmentation() -> None:
    found = to("spine_segmentation", line(23, 23, 23), line(49, 41, 50))
    assert found.labels.ravel().tolist() == [43, 0, 43]
    (loss,) = found.losses
    assert (loss.name, loss.voxels, loss.kind) == ("posterior elements", 1, "dropped")


def test_subregions_are_merged_and_told() -> None:
    found = to("totalspineseg", line(23, 23), line(49, 41), strict=True)
    assert found.labels.ravel().tolist() == [44, 44]
    assert [(loss.name, loss.voxels, loss.kind) for loss in found.losses] == [
        ("parts of vertebrae", 2, "merged")
    ]


def test_semantic_masks_alone_have_no_numbers() -> None:
    found = convert_labels(None, "spineps", "totalspineseg", spine=SPINE)
    assert found.labels.tolist() == [0, 0, 0, 0, 50, 1, 2]
    assert {loss.name: loss.voxels for loss in found.losses} == {"vertebra": 2, "disc": 2}
    step1 = convert_labels(None, "spineps", "totalspineseg_step1", spine=SPINE)
    assert step1.labels.tolist() == [50, 0, 50, 0, 50, 1, 2]


def test_step1_has_no_numbered_vertebrae() -> None:
    codes = line(11, 50, 63, 1)
    read = to_canonical("totalspineseg_step1", codes)
    assert read.names == ["vertebra", "vertebra_C1", "disc_C2_C3", "spinal_cord"]
    back = from_canonical(read, "totalspineseg_step1", strict=True)
    np.testing.assert_array_equal(back.labels, codes)
    numbered = convert_labels(codes, "totalspineseg_step1", "totalspineseg")
    assert numbered.labels.ravel().tolist() == [11, 0, 63, 1]
    assert [loss.name for loss in numbered.losses] == ["vertebra"]
    step2 = line(11, 12, 41, 50, 91)
    down = convert_labels(step2, "totalspineseg", "totalspineseg_step1", strict=True)
    assert down.labels.ravel().tolist() == [11, 50, 50, 50, 91]


@pytest.mark.parametrize(
    ("source", "codes", "target", "name"),
    [
        ("spineps", (19, 28, 119, 128), "totalspineseg", "vertebra_T13"),
        ("totalspineseg", (45, 46), "totalsegmentator", "vertebra_L6"),
        ("totalspineseg", (45, 47), "spineps", "vertebra_L7"),
        ("totalspineseg", (11, 12), "spine_segmentation", "vertebra_C1"),
        ("totalspineseg", (12, 1), "spine_segmentation", "spinal_cord"),
        ("totalspineseg", (12, 2), "totalsegmentator", "spinal_canal"),
        ("spineps", (20, 220), "totalspineseg", "endplate_L1"),
        ("spineps", (8, 40), "totalspineseg", "rib_T1"),
        ("spineps", (8, 90), "totalspineseg", "90"),
    ],
)
def test_losses_are_reported(
    source: System, codes: tuple[int, ...], target: System, name: str
) -> None:
    labels = np.repeat(line(*codes), 3, axis=0)
    options: dict[str, Any] = {"numbering": "anatomical"} if source == "spineps" else {}
    found = convert_labels(labels, source, target, **options)
    dropped = {loss.name: loss.voxels for loss in found.losses if loss.kind == "dropped"}
    assert dropped[name] == 3
    with pytest.raises(CompatibilityError, match=rf"{name} \(3 voxels\)"):
        convert_labels(labels, source, target, strict=True, **options)


def test_sacral_segments_merge() -> None:
    found = to("totalspineseg", line(24, 26, 29, 30), None, strict=True)
    assert found.labels.ravel().tolist() == [45, 50, 50, 50]
    assert {loss.name for loss in found.losses} == {"vertebra_S1", "vertebra_S2", "vertebra_S3"}
    segments = to("totalsegmentator", line(24, 26, 29), None)
    assert segments.labels.ravel().tolist() == [27, 26, 25]


@pytest.mark.parametrize("numbering", [None, "counted"])
def test_counted_instances_are_no_anatomy(numbering: Any) -> None:
    with pytest.raises(CompatibilityError, match=r"counted.*labelling model"):
        convert_labels(VERT, "spineps", "totalspineseg", numbering=numbering)


def test_the_sacrum_of_the_semantic_mask_names_the_disc_above_it() -> None:
    vert, spine = line(23, 123, 0), line(49, 100, 26)
    assert to("totalspineseg", vert, spine).labels.ravel().tolist() == [44, 100, 50]
    assert to("totalspineseg", vert, None).labels.ravel().tolist() == [44, 95, 0]


def test_spineps_returns_whole() -> None:
    vert, spine = line(23, 23, 123, 223, 28, 0), line(49, 41, 100, 62, 44, 80)
    found = to("spineps", vert, spine, strict=True)
    np.testing.assert_array_equal(found.labels, vert)
    np.testing.assert_array_equal(found.spine, spine)


@pytest.mark.parametrize("system", COLUMN_OF)
@given(data=st.data())
def test_round_trip(system: System, data: st.DataObject) -> None:
    known = sorted(plain_meaning(COLUMN_OF[system]))
    if system == "totalspineseg_step1":
        known = [1, 2, 11, 50, 63, 71, 100]
    if system == "spine_segmentation":
        known = [c for c in known if c < 50]  # T13 has no number in the original
    codes = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=20))
    labels = line(*codes)
    back = from_canonical(to_canonical(system, labels), system, strict=True)
    np.testing.assert_array_equal(back.labels, labels)


SACRUM = {"totalspineseg": 50, "spine_segmentation": 49}


@pytest.mark.parametrize("source", ["totalspineseg", "spine_segmentation"])
@given(top=st.integers(0, 20), length=st.integers(2, 8), lumbar=st.sampled_from([4, 5, 6]))
def test_windows_of_a_spine_through_spineps(
    source: System, top: int, length: int, lumbar: int
) -> None:
    """Whatever the number of lumbar vertebrae, each disc keeps its neighbours."""
    regions = (("C", 2, 7), ("T", 1, 12), ("L", 1, lumbar))
    levels = [f"{region}{i}" for region, first, last in regions for i in range(first, last + 1)]
    levels.append("S1")
    window = levels[top : top + length]
    names = [f"vertebra_{n}" for n in window if n != "S1"]
    names += [f"disc_{upper}_{lower}" for upper, lower in pairwise(window)]
    codes = [structure(n).codes[COLUMN_OF[source]] for n in names]
    codes += [SACRUM[source]] if "S1" in window else []
    labels = line(*codes)
    read = to_canonical(source, labels)
    assert set(names) <= set(read.names)
    there = from_canonical(read, "spineps", strict=True)
    back = convert_labels(there.labels, "spineps", source, numbering="anatomical", strict=True)
    np.testing.assert_array_equal(back.labels, labels)


@given(
    codes=st.lists(st.sampled_from(sorted(plain_meaning("spineps_vert"))), min_size=1, max_size=20)
)
def test_spineps_round_trip(codes: list[int]) -> None:
    labels = line(*codes)
    read = to_canonical("spineps", labels, numbering="anatomical")
    assert not read.losses
    np.testing.assert_array_equal(from_canonical(read, "spineps", strict=True).labels, labels)


def test_discs_become_points_beside_the_canal() -> None:
    labels = np.zeros((3, 10, 6), np.uint8)
    labels[1, 4:9, 4] = 92
    labels[1, 4:9, 1] = 93
    labels[0, 2, 3] = 50
    middle = convert_labels(labels, "totalspineseg", "sct_levels")
    assert np.argwhere(middle.labels).tolist() == [[1, 6, 1], [1, 6, 4]]
    assert middle.extent == "point"
    labels[1, 0, :] = 1
    found = convert_labels(labels, "totalspineseg", "sct_levels")
    assert found.labels[1, 4, 4] == 21
    assert found.labels[1, 4, 1] == 22
    assert (found.labels > 0).sum() == 2
    assert {loss.name for loss in found.losses} == {"sacrum", "spinal_cord"}


def test_points_are_read_as_points() -> None:
    read = to_canonical("sct_levels", line(1, 2, 3, 25))
    assert read.extent == "point"
    assert set(read.names) == {"vertebra_C1", "disc_C1_C2", "disc_C2_C3", "disc_L5_S1"}


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="label map of totalspineseg"):
        convert_labels(None, "totalspineseg", "spineps")
    with pytest.raises(InputError, match="vertebra mask or the semantic mask"):
        convert_labels(None, "spineps", "totalspineseg")
    with pytest.raises(InputError, match="differ in shape"):
        to("totalspineseg", VERT, SPINE[:3])
    with pytest.raises(InputError, match="whole numbers"):
        convert_labels(np.array([1.5]), "totalspineseg", "spineps")
    with pytest.raises(InputError, match="negative"):
        convert_labels(np.array([-1]), "totalspineseg", "spineps")


@pytest.mark.parametrize("system", ["totalspineseg", "totalsegmentator", "spine_segmentation"])
def test_grey_values_are_no_labels(system: System) -> None:
    with pytest.raises(InputError, match="grey values"):
        convert_labels(np.arange(256).reshape(4, 8, 8), system, "spineps")


def test_maps_of_the_whole_body_are_labels() -> None:
    body = np.arange(118).reshape(2, 59)
    assert convert_labels(body, "totalsegmentator", "totalspineseg").losses


def test_empty_maps_stay_empty() -> None:
    found = convert_labels(np.zeros((2, 2, 2), np.uint8), "totalspineseg", "spineps", strict=True)
    assert not found.labels.any()
    assert found.losses == ()


def test_every_structure_survives_some_conversion() -> None:
    assert all(s.codes for s in structures())
