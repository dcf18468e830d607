"""Names of the scans of a session, on spines of points."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.core.anatomy import C2, L1, L5, L6, T1, T12, T13
from spineps_nipype.core.name_posterior import ANOMALY_ODDS, NamePosterior
from spineps_nipype.core.session_names import (
    JointNames,
    ScanNames,
    decision_for,
    joint_names,
)
from spineps_nipype.core.session_places import offset_scores
from spineps_nipype.core.spine_names import names_of_length, written

SPINE = (*range(C2, T12 + 1), *range(L1, L5 + 1))


def places(labels: tuple[int, ...]) -> np.ndarray:
    """Places of vertebrae of a usual spine: spacings grow from neck to loins, the spine bends."""
    spacings = np.linspace(16, 36, len(SPINE) + 2)
    heights = -np.concatenate([[0], np.cumsum(spacings)])
    ranks = [SPINE.index(n) if n in SPINE else len(SPINE) for n in labels]
    bend = 15 * np.sin(np.arange(len(heights)) / 4)
    return np.stack([np.zeros(len(ranks)), bend[ranks], heights[ranks]], axis=1)


def names(first: int, count: int) -> tuple[int, ...]:
    start = SPINE.index(first)
    return SPINE[start : start + count]


def scan(
    word: str,
    labels: tuple[int, ...],
    said: dict[int, float],
    shift: tuple[float, float, float] = (0, 0, 0),
) -> ScanNames:
    """A scan of true names; `said` are probabilities by how many levels the names are off."""
    found = []
    for level, probability in said.items():
        start = SPINE.index(labels[0]) + level
        found.append((SPINE[start : start + len(labels)], probability))
    posterior = NamePosterior(tuple(sorted(found, key=lambda item: -item[1])))
    return ScanNames(word, places(labels) + shift, posterior)


def only(groups: list[JointNames]) -> JointNames:
    assert len(groups) == 1
    return groups[0]


SURE, UNSURE, WRONG = {0: 1.0}, {0: 0.5, 1: 0.3, -1: 0.2}, {1: 0.6, 0: 0.35, -1: 0.05}


def test_a_small_field_of_view_inherits_from_a_large_one() -> None:
    large, small = names(C2, 20), names(T1 + 3, 5)
    joint = only(joint_names([scan("large", large, SURE), scan("small", small, WRONG)]))
    assert joint.names == {"large": large, "small": small}
    assert joint.posteriors["small"].of_label(0, small[0]) > 0.95
    assert joint.scans == ("large", "small")


@pytest.mark.parametrize("shift", [(0, 0, 12), (0, 0, -12), (10, -8, 7), (0, 0, 0)])
def test_a_station_inherits_from_the_next_though_the_patient_moved(
    shift: tuple[float, float, float],
) -> None:
    upper, lower = names(T1, 10), names(T1 + 5, 9)
    joint = only(joint_names([scan("a", upper, SURE), scan("b", lower, WRONG, shift)]))
    assert joint.names["b"] == lower
    assert joint.names["a"] == upper


def test_three_stations_of_a_neck_are_named_from_the_surest() -> None:
    stations = [names(C2, 7), names(C2 + 4, 8), names(T1 + 3, 8)]
    scans = [
        scan("a", stations[0], SURE),
        scan("b", stations[1], WRONG, (3, -4, 6)),
        scan("c", stations[2], UNSURE, (-2, 4, -5)),
    ]
    joint = only(joint_names(scans))
    for one, labels in zip("abc", stations, strict=True):
        assert joint.names[one] == labels


def test_names_go_on_across_a_gap() -> None:
    upper, lower = names(T1, 6), names(T1 + 8, 7)  # two vertebrae are seen by none
    joint = only(joint_names([scan("a", upper, SURE), scan("b", lower, WRONG)]))
    assert joint.names["b"] == lower


def test_scans_never_contradict_each_other() -> None:
    labels = names(T1 + 2, 7)
    one, other = scan("a", labels, {0: 0.6, 1: 0.4}), scan("b", labels, {0: 0.45, 1: 0.55})
    joint = only(joint_names([one, other]))
    assert joint.names["a"] == joint.names["b"] == labels
    assert joint.posteriors["a"].sequences == joint.posteriors["b"].sequences


def test_another_world_is_not_joined() -> None:
    upper, lower = names(T1, 9), names(T1 + 4, 8)
    for shift in [(60.0, 0.0, 0.0), (0.0, -45.0, 8.0), (0.0, 0.0, 900.0)]:
        assert joint_names([scan("a", upper, SURE), scan("b", lower, SURE, shift)]) == []


def test_a_world_that_contradicts_all_names_is_not_joined() -> None:
    """The patient was laid down anew, five vertebrae further, and the header does not say so."""
    upper, lower = names(C2, 12), names(C2 + 10, 12)
    far = places(names(C2 + 5, 1))[0] - places(names(C2 + 10, 1))[0]
    scans = [scan("a", upper, SURE), scan("b", lower, SURE, tuple(far))]
    assert joint_names(scans) == []


def test_the_same_scan_twice_adds_little() -> None:
    """Reconstructed twice, it is no second witness of full weight."""
    labels = names(T1 + 2, 7)
    joint = only(joint_names([scan("rec-a", labels, UNSURE), scan("rec-b", labels, UNSURE)]))
    independent = 0.5**2 / (0.5**2 + 0.3**2 + 0.2**2)
    assert 0.5 <= joint.posteriors["rec-a"].of_label(0, labels[0]) < independent


def test_a_reader_is_believed() -> None:
    labels = names(T1 + 2, 7)
    others = {-1: 0.998, 0: 0.001, 1: 0.001}
    read = ScanNames("read", places(labels), NamePosterior(((labels, 1.0),)), fixed=True)
    joint = only(joint_names([read, scan("b", labels, others), scan("c", labels, others)]))
    assert set(joint.names.values()) == {labels}


def test_an_anomaly_counts_once_for_the_subject() -> None:
    """Two scans that each say even odds after the prior outweigh it when taken together."""
    usual = (*names(L1, 5),)
    points = places(usual)
    sacral = (*range(L1 + 1, L6 + 1),)
    posterior = NamePosterior(((usual, 0.5), (sacral, 0.5)))
    joint = only(joint_names([ScanNames(word, points, posterior) for word in ("a", "b")]))
    assert joint.posteriors["a"].of_label(4, L6) > 0.5


def test_a_session_of_one_decides_nothing() -> None:
    assert joint_names([scan("a", names(L1, 5), SURE)]) == []
    assert joint_names([]) == []


def test_a_missing_body_in_the_middle_is_no_match() -> None:
    """Fourteen vertebrae against thirteen of the same: nothing says which one is wrong."""
    labels = names(T1, 13)
    seen = [n for n in range(13) if n != 6]
    other = ScanNames(
        "b", places(labels)[seen], NamePosterior(((names(T1, 12), 0.5), (names(T1 + 1, 12), 0.5)))
    )
    groups = joint_names([scan("a", labels, SURE), other])
    for group in groups:  # if at all, then without a contradiction of what coincides
        assert set(group.names["b"]) <= set(SPINE)
    assert not groups


def test_offsets_of_a_neck_keep_their_probability() -> None:
    """A shift of half a vertebra leaves two possibilities; there is never one alone."""
    known, points = dict(enumerate(places(names(C2, 6)))), places(names(C2 + 2, 5))
    still = offset_scores(known, points)
    assert max(still, key=still.__getitem__) == 2
    moved = offset_scores(known, points + np.array([0, 0, 8.0]))
    assert abs(moved[2] - moved[1]) < 3
    assert still[2] - still[1] > moved[2] - moved[1] + 1


def test_the_decision_for_a_scan_has_a_digest_of_its_own() -> None:
    large, small = names(C2, 20), names(T1 + 3, 5)
    joint = only(joint_names([scan("large", large, SURE), scan("small", small, WRONG)]))
    decision = decision_for("small", joint)
    assert decision.labels == small
    assert decision.sequences == written(joint.posteriors["small"])
    assert decision.digest != decision_for("large", joint).digest
    again = joint_names([scan("small", small, WRONG), scan("large", large, SURE)])
    assert decision_for("small", only(again)).digest == decision.digest


def test_thirteen_thoracic_vertebrae_are_found_by_both_ends() -> None:
    """Neither scan sees both ends; together they count one vertebra too many."""
    spine = (*range(C2, T12 + 1), T13, *range(L1, L5 + 1))
    heights = -np.cumsum(np.linspace(16, 36, len(spine)))
    points = np.stack([np.zeros(len(spine)), np.zeros(len(spine)), heights], axis=1)
    upper, lower = spine[:14], spine[10:]
    top = ScanNames("top", points[:14], NamePosterior(((upper, 1.0),)))
    shifted = names_of_length(len(lower))
    usual = next(n.labels for n in shifted if n.labels[-1] == L5 and n.anomalies == 0)
    odd = ANOMALY_ODDS / (1 + ANOMALY_ODDS)
    low = ScanNames("low", points[10:], NamePosterior(((usual, 1 - odd), (lower, odd))))
    joint = only(joint_names([top, low]))
    assert joint.names == {"top": upper, "low": lower}
