"""Numbers on lists: discs from landmarks, vertebrae from discs, all discs at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.errors import EmptyResultError
from spineps_nipype.totalspineseg.disc_path import DiscEvidence, fit_discs
from spineps_nipype.totalspineseg.landmarks import drop_by_size, selected_landmarks
from spineps_nipype.totalspineseg.numbering import (
    SpinePart,
    number_discs,
    number_vertebrae,
    spine_list,
)
from spineps_nipype.totalspineseg.regions import SpineOrder
from spineps_nipype.totalspineseg.settings import LABELER_STEP2, LabelerSettings

from .block_spine import DISCS

SPINE = SpineOrder.of(LABELER_STEP2)


def discs(count: int) -> list[int]:
    return list(range(1, count + 1))


def test_regions() -> None:
    assert SPINE.discs == (*range(63, 68), *range(71, 83), *range(91, 97), 100)
    assert SPINE.usual_discs == DISCS
    assert SPINE.vertebrae == (*range(11, 18), *range(21, 33), *range(41, 47), 50)
    assert 46 not in SPINE.usual_vertebrae
    assert SPINE.below()[63] == 13
    assert SPINE.below()[82] == 32
    assert SPINE.below()[96] == 46
    assert SPINE.below()[100] == 50


def test_regions_of_other_sizes_and_steps() -> None:
    spine = SpineOrder.of(
        LabelerSettings(
            region_max_sizes=(1, 13, 1, 1),
            disc_output_step=2,
            vertebrae_output_step=2,
            vertebrae_landmark_output_labels=(15, 21, 81, 100),
        )
    )
    assert spine.discs[1:14] == tuple(range(71, 97, 2))
    assert spine.vertebrae[:3] == (11, 13, 15)


@pytest.mark.parametrize(
    ("landmarks", "count", "expected"),
    [
        ({1: 63}, 3, {1: 63, 2: 64, 3: 65}),
        ({2: 63}, 3, {2: 63, 3: 64}),  # nothing stands above C2-C3
        ({3: 91}, 4, {1: 81, 2: 82, 3: 91, 4: 92}),
        ({1: 63, 22: 100}, 22, {**dict(zip(discs(21), DISCS, strict=False)), 22: 100}),
        ({1: 63, 24: 100}, 24, {**dict(zip(discs(22), DISCS, strict=False)), 23: 96, 24: 100}),
        ({1: 63}, 23, {**dict(zip(discs(22), DISCS, strict=False)), 23: 96}),
        ({1: 100}, 3, {1: 100}),
        ({1: 94}, 4, {1: 94, 2: 95, 3: 96, 4: 100}),
    ],
)
def test_discs_from_landmarks(
    landmarks: dict[int, int], count: int, expected: dict[int, int]
) -> None:
    assert number_discs(discs(count), landmarks, SPINE, numerics="original") == expected


def test_96_cannot_start_a_count_in_the_original() -> None:
    with pytest.raises(EmptyResultError):
        number_discs(discs(3), {2: 96}, SPINE, numerics="original")
    assert number_discs(discs(3), {2: 96}, SPINE) == {1: 95, 2: 96, 3: 100}


@given(first=st.integers(0, 22), count=st.integers(1, 23), place=st.integers(0, 22))
def test_one_landmark_gives_a_run_of_a_normal_spine(first: int, count: int, place: int) -> None:
    run = DISCS[first : first + count]
    at = min(place, len(run) - 1)
    found = number_discs(discs(len(run)), {at + 1: run[at]}, SPINE, numerics="original")
    upper = {n: label for n, label in found.items() if n <= at + 1}
    assert upper == dict(zip(discs(at + 1), run, strict=False))
    labels = [SPINE.discs.index(found[n]) for n in sorted(found)]
    assert labels == sorted(set(labels))


def kinds(parts: list[SpinePart]) -> str:
    return "".join(part.kind[0] for part in parts)


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ("vdvdv", "vdvdv"),
        ("ddvv", "dvdv"),
        ("vvdd", "vdvd"),
        ("vdvddvvd", "vdvdvdvd"),
        ("dvv", "vdv"),
        ("vvd", "vdv"),
        ("dd", "dd"),
        ("d", "d"),
        ("", ""),
    ],
)
def test_neighbours_are_put_right(heights: str, expected: str) -> None:
    size = len(heights)
    parts = spine_list(
        [(size - i, i) for i, kind in enumerate(heights) if kind == "d"],
        [(size - i, i) for i, kind in enumerate(heights) if kind == "v"],
    )
    assert sorted(p.number for p in parts) == list(range(size))
    assert kinds(parts) == expected


def test_equal_heights() -> None:
    above = spine_list([(5, 2)], [(5, 12)], first_vertebra=10)
    assert kinds(above) == "vd"
    assert kinds(spine_list([(5, 2)], [(5, 11)], first_vertebra=10)) == "vd"
    assert kinds(spine_list([(5, 3)], [(5, 11)], first_vertebra=10)) == "dv"


def listed(text: str) -> list[SpinePart]:
    return [SpinePart("disc" if c == "d" else "vertebra", i) for i, c in enumerate(text)]


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("vdvdv", {1: 63, 3: 64}, {0: 12, 2: 13, 4: 14}),
        ("vvvvdv", {4: 63}, {3: 12, 2: 11, 5: 13}),  # above C1 stands nothing
        ("vdvvdv", {1: 91, 4: 92}, {0: 32, 2: 41, 3: 41, 5: 42}),
        ("vdvv", {1: 95}, {0: 44, 2: 45, 3: 46}),  # the last one is the next vertebra
        ("vdvv", {1: 100}, {0: 45, 2: 50, 3: 50}),
        ("vdvdv", {3: 92}, {2: 41, 0: 32, 4: 42}),  # a disc without label does not count
        ("dv", {0: 71}, {1: 21}),
        ("vv", {}, {}),
        ("vdvdv", {1: 96, 3: 100}, {0: 45, 2: 46, 4: 50}),
    ],
)
def test_vertebrae(text: str, labels: dict[int, int], expected: dict[int, int]) -> None:
    assert number_vertebrae(listed(text), labels, SPINE) == expected


def test_two_vertebrae_around_a_missed_disc_get_two_labels() -> None:
    labels = {1: 91, 4: 93}
    corrected = number_vertebrae(listed("vdvvdv"), labels, SPINE)
    assert corrected == {0: 32, 2: 41, 3: 42, 5: 43}
    original = number_vertebrae(listed("vdvvdv"), labels, SPINE, numerics="original")
    assert original == {0: 32, 2: 41, 3: 41, 5: 43}


def test_fewer_lumbar_vertebrae_leave_no_room_for_l6() -> None:
    found = number_vertebrae(listed("dvvdv"), {0: 94, 3: 100}, SPINE)
    assert found == {1: 44, 2: 45, 4: 50}
    one = number_vertebrae(listed("dvdv"), {0: 94, 2: 100}, SPINE)
    assert one == {1: 44, 3: 50}


def test_counting_upward_from_l6_fails_in_the_original() -> None:
    with pytest.raises(EmptyResultError, match="46"):
        number_vertebrae(listed("vdv"), {1: 96}, SPINE, numerics="original")


def test_landmarks_are_reduced_for_images_with_a_localizer_only() -> None:
    assert selected_landmarks(False) == (2, 5, 3, 4)
    assert selected_landmarks(True) == (2, 5)
    assert selected_landmarks(False, True) == (2, 5, 3, 4)
    assert selected_landmarks(False, True, numerics="original") == (2, 5)
    assert selected_landmarks(True, True, numerics="original") == (2, 5)


def test_l5_s_is_dropped_when_a_real_disc_lies_below() -> None:
    sizes = {1: 1000, 2: 1000, 3: 101}
    assert drop_by_size({1: 91, 2: 100}, [1, 2, 3], sizes) == {1: 91}
    assert drop_by_size({1: 91, 2: 100}, [1, 2, 3], {**sizes, 3: 100}) == {1: 91, 2: 100}


def fitted(
    count: int, shares: dict[int, dict[int, float]], gaps: dict[int, float] | None = None
) -> list[int]:
    """Labels, uppermost first; `gaps` says how far a disc is from the one above, usually 1."""
    steps = [0.0] + [(gaps or {}).get(i, 1.0) for i in range(1, count)]
    centres = np.stack([np.zeros(count), np.zeros(count), -10 * np.cumsum(steps)], axis=1)
    evidence = DiscEvidence(
        tuple(shares.get(i, {}) for i in range(count)), tuple({} for _ in range(count))
    )
    accepted = {i: max(s, key=lambda label: s[label]) for i, s in shares.items()}
    found = fit_discs(list(range(count)), centres, accepted, evidence, SPINE)
    return [found.get(i, 0) for i in range(count)]


@given(first=st.integers(0, 22), count=st.integers(1, 23), which=st.integers(0, 22))
def test_fit_of_a_part_of_a_normal_spine(first: int, count: int, which: int) -> None:
    run = DISCS[first : first + count]
    place = which % len(run)
    assert fitted(len(run), {place: {run[place]: 1.0}}) == list(run)


def test_fit_bridges_a_gap_where_the_distance_is_large() -> None:
    run = [label for label in DISCS if label not in (74,)]
    shares = {0: {63: 1.0}, 21: {100: 1.0}}
    assert fitted(22, shares, {run.index(75): 2.0}) == run


@pytest.mark.parametrize("missing", range(1, 8))
def test_fit_needs_one_landmark_and_a_gap(missing: int) -> None:
    run = [*DISCS[4 : 4 + missing], *DISCS[5 + missing : 13]]
    landmark = {0: {run[0]: 1.0}}
    assert fitted(8, landmark, {missing: 1.8}) == run
    assert fitted(8, landmark, {missing: 1.3}) == list(DISCS[4:12])


def test_fit_takes_fewer_lumbar_vertebrae_where_no_distance_is_large() -> None:
    assert fitted(22, {0: {63: 1.0}, 21: {100: 1.0}})[-2:] == [94, 100]


def test_fit_takes_six_lumbar_vertebrae_only_with_evidence() -> None:
    shares = {0: {63: 1.0}, 23: {100: 1.0}}
    assert fitted(24, shares)[-3:] == [95, 96, 100]
    assert fitted(23, {0: {63: 1.0}})[-2:] == [95, 100]


def test_fit_outvotes_a_weak_wrong_landmark() -> None:
    shares = {0: {63: 1.0}, 5: {71: 1.0}, 9: {91: 0.3}, 22: {100: 1.0}}
    assert fitted(23, shares) == list(DISCS)


def test_fit_leaves_a_false_disc_above_c2_c3_unnamed() -> None:
    shares = {1: {63: 1.0}, 6: {71: 1.0}}
    assert fitted(8, shares) == [0, *DISCS[:7]]
