from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.phantom import plan
from spineps_nipype.spine_segmentation.names import (
    CLASS_NAMES,
    ID_OF,
    ORDER,
    disc_id_above,
    names_by_neighbours,
    original_names,
)
from spineps_nipype.spine_segmentation.naming import (
    name_spine,
    remove_small_structures,
)
from spineps_nipype.spine_segmentation.posterior import name_posterior
from spineps_nipype.spine_segmentation.sequence import (
    TRAINING_FREQUENCY,
    class_histograms,
    likeliest_names,
)
from spineps_nipype.spine_segmentation.settings import USUAL_NAMING, NamingSettings
from spineps_nipype.spine_segmentation.shift import ids_by_shift

from .blocks import BODY, DISC, block_spine, column, vertebra_names

USUAL = [n for n in ORDER if n not in {"T13", "L6"}]


def histograms(names: list[str], share: float = 0.9) -> np.ndarray:
    """Shares with the rest spread over all classes."""
    rows = np.full((len(names), len(CLASS_NAMES)), (1 - share) / len(CLASS_NAMES))
    for i, name in enumerate(names):
        rows[i, CLASS_NAMES.index(name)] += share
    return rows


def found(names: list[str], settings: NamingSettings = USUAL_NAMING) -> list[str]:
    return [v.name for v in likeliest_names(histograms(names), settings)]


def test_distances_tell_of_a_vertebra_that_was_missed() -> None:
    """Votes for the pieces below L1 are for L2 and L3 a little more than for L3 and L4."""
    rows = 0.4 * histograms(["T12", "L1", "L3", "L4"]) + 0.6 * histograms(
        ["T12", "L1", "L2", "L3"]
    )
    odds = [{}, {1: 6.0}, {}]
    assert [v.name for v in likeliest_names(rows)] == ["T12", "L1", "L2", "L3"]
    assert [v.name for v in likeliest_names(rows, missed=odds)] == ["T12", "L1", "L3", "L4"]
    posterior = name_posterior(rows, missed=odds)
    assert posterior is not None
    assert posterior.sequences[0][0] == (19, 20, 22, 23)


def test_the_distance_of_a_piece_of_the_sacrum_tells_nothing() -> None:
    rows = histograms(["L3", "L4", "L5", "S1"])
    odds = [{}, {}, {1: 9.0}]
    assert [v.name for v in likeliest_names(rows, missed=odds)] == ["L3", "L4", "L5", "S1"]


def test_table_of_the_original() -> None:
    table = original_names()
    assert list(table) == list(range(50))
    for number, name in (
        (0, "unexpected_0"),
        (1, "C2"),
        (2, "C2-C3"),
        (11, "C7"),
        (13, "T1"),
        (35, "T12"),
        (36, "T12-L1"),
        (37, "L1"),
        (44, "L4-L5"),
        (45, "L5"),
        (46, "L5-L6"),
        (47, "L6"),
        (48, "L6-S1"),
        (49, "S1"),
    ):
        assert table[number] == name


@pytest.mark.parametrize(
    ("present", "number", "name"),
    [
        (["L4", "L5", "S1"], 46, "L5-S1"),
        (["L4", "L5", "L6", "S1"], 46, "L5-L6"),
        (["L4", "L5", "L6", "S1"], 48, "L6-S1"),
        (["L3", "L4", "S1"], 44, "L4-S1"),
        (["L4", "L5"], 44, "L4-L5"),
        (["L3", "L4"], 44, "L4-L5"),
        (["T12", "T13", "L1"], 36, "T12-T13"),
        (["T12", "T13", "L1"], 52, "T13-L1"),
        (["T12", "L1"], 36, "T12-L1"),
        (["T12"], 36, "T12-L1"),
    ],
)
def test_discs_are_named_by_their_neighbours(present: list[str], number: int, name: str) -> None:
    assert names_by_neighbours(ID_OF[n] for n in present)[number] == name


def test_discs_above_the_top_vertebra() -> None:
    assert disc_id_above(ID_OF["L1"]) == 36
    assert disc_id_above(ID_OF["S1"]) == 46
    assert disc_id_above(ID_OF["C2"]) is None


@pytest.mark.parametrize(
    "names",
    [
        USUAL,
        [*USUAL[:-1], "L6", "S1"],
        [n for n in USUAL if n != "L5"],
        ["T5", "T6", "T7"],
        ["L2", "L3", "L4", "L5", "S1"],
        ["S1"],
    ],
)
def test_sure_names_stay(names: list[str]) -> None:
    assert found(names) == names


def test_single_errors_are_outvoted() -> None:
    assert found(["T5", "T9", "T7", "T8"]) == ["T5", "T6", "T7", "T8"]
    assert found(["T5", "T5", "T7"]) == ["T5", "T6", "T7"]


def test_t13_stands_between_sure_neighbours() -> None:
    names = ["T10", "T11", "T12", "L1", "L1", "L2", "L3"]
    assert found(names) == ["T10", "T11", "T12", "T13", "L1", "L2", "L3"]
    assert "T13" not in found(names, NamingSettings(allow_t13=False))


def test_variants_can_be_forbidden() -> None:
    six = ["L4", "L5", "L6", "S1"]
    assert found(six) == six
    assert found(six, NamingSettings(allow_l6=False)) != six
    four = ["L2", "L3", "L4", "S1"]
    assert found(four) == four
    assert found(four, NamingSettings(allow_missing_l5=False)) == ["L2", "L3", "L4", "L5"]
    eleven = ["T10", "T11", "L1", "L2"]
    assert found(eleven) == eleven
    assert found(eleven, NamingSettings(allow_missing_t12=False)) != eleven


def test_the_disc_over_a_missing_t12_is_named_by_its_neighbours() -> None:
    semantic, classes = block_spine(["T10", "T11", "L1", "L2"])
    result = name_spine(semantic, classes)
    assert [v.name for v in result.vertebrae] == ["T10", "T11", "L1", "L2"]
    assert "T11-L1" in result.id_to_label.values()


def test_the_last_of_a_view_is_not_called_t13() -> None:
    assert found(["T11", "T12", "L1"]) == ["T11", "T12", "L1"]


def test_pieces_below_s1_have_no_name() -> None:
    """A body of S2 is seen as S1 or L5 too; without an S1 above it, it may be S1 itself."""
    usual = ["L3", "L4", "L5", "S1"]
    table = likeliest_names(histograms([*usual, "S1", "L5"]))
    assert [v.name for v in table] == usual
    assert [v.instance for v in table] == [1, 2, 3, 4]
    assert all(v.margin > 0 for v in table)
    assert found(["L3", "L4", "L4", "L5"]) == ["L2", "L3", "L4", "L5"]


def test_a_piece_above_the_axis_has_no_name() -> None:
    cervical = list(CLASS_NAMES[:7])
    for above in (["C2"], ["C4"], ["C2", "C2"]):
        table = likeliest_names(histograms([*above, *cervical]))
        assert [v.name for v in table] == cervical
        assert [v.instance for v in table] == [n + len(above) for n in range(1, 8)]
    # a weak vote for the axis does not move a spine that fits without it
    rows = histograms(["C3", "C4", "C5", "C6"])
    rows[1] = histograms(["C2"], 0.05)[0]
    assert [v.name for v in likeliest_names(rows)] == ["C3", "C4", "C5", "C6"]


def test_shares_and_margins() -> None:
    sure, unsure = (likeliest_names(histograms(["T5", "T6"], s))[0] for s in (0.9, 0.2))
    assert sure.id == ID_OF["T5"] == 21
    assert sure.share == pytest.approx(0.9 + 0.1 / 25)
    assert sure.margin > unsure.margin > 0


@given(rows=st.lists(st.lists(st.floats(0, 1), min_size=25, max_size=25), min_size=0, max_size=27))
@settings(max_examples=30, deadline=None)
def test_names_descend_without_repetition(rows: list[list[float]]) -> None:
    table = likeliest_names(np.array(rows).reshape(-1, 25))
    order = [ORDER.index(v.name) for v in table]
    assert order == sorted(set(order))
    most = min(len(rows), len(ORDER))
    unnamed = most - len(table)
    beyond_s1 = 3 * (table[-1].name == "S1") if table else 0
    beyond_c2 = 2 * (table[0].name == "C2") if table else 0
    assert 0 <= unnamed <= beyond_s1 + beyond_c2
    assert all(v.margin >= 0 for v in table)


@given(start=st.integers(0, 20), count=st.integers(3, 12), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_noise_does_not_move_names(start: int, count: int, seed: int) -> None:
    names = USUAL[start : start + count]
    rows = histograms(names, 0.5)
    wrong = np.random.default_rng(seed).integers(len(rows))
    if len(names) >= 4 and 0 < wrong < len(names) - 1:
        rows[wrong] = np.random.default_rng(seed).dirichlet(np.ones(25))
    assert [v.name for v in likeliest_names(rows)] == names


def test_histograms_ignore_background() -> None:
    instances = np.array([1, 1, 1, 2, 0])
    classes = np.array([4, 4, 0, 0, 7])
    shares = class_histograms(instances, classes, 2)
    assert shares[0, 3] == 1
    assert shares[1].sum() == 0


@pytest.mark.parametrize("naming", ["sequence", "shift"])
@pytest.mark.parametrize(
    "names",
    [
        ["T5", "T6", "T7", "T8"],
        ["L3", "L4", "L5", "S1"],
        ["L3", "L4", "S1"],
        ["L4", "L5", "L6", "S1"],
        ["C2", "C3"],
        ["L5"],
    ],
)
def test_spines_of_blocks(naming: str, names: list[str]) -> None:
    semantic, classes = block_spine(names)
    result = name_spine(semantic, classes, NamingSettings(naming=naming))  # type: ignore[arg-type]
    assert vertebra_names(result.labels) == names
    shown = [result.id_to_label[i] for i in column(result.labels)]
    expected = [names[0]]
    for upper, lower in pairwise(names):
        expected += [f"{upper}-{lower}", lower]
    assert shown == expected


def test_t13_has_an_id_of_its_own() -> None:
    semantic, classes = block_spine(["T10", "T11", "T12", "T13", "L1", "L2"])
    result = name_spine(semantic, classes)
    assert column(result.labels) == [31, 32, 33, 34, 35, 36, 51, 52, 37, 38, 39]
    assert result.id_to_label[36] == "T12-T13"
    assert [v.name for v in result.vertebrae] == ["T10", "T11", "T12", "T13", "L1", "L2"]


def test_the_top_disc_belongs_to_the_vertebra_above() -> None:
    semantic, classes = block_spine(["L1", "L2"], disc_above=True)
    assert column(name_spine(semantic, classes).labels) == [36, 37, 38, 39]
    semantic, classes = block_spine(["S1"], disc_above=True)
    assert column(name_spine(semantic, classes).labels) == [46, 49]


def test_a_fragment_breaks_discs_under_the_original_only() -> None:
    semantic, classes = block_spine(["T5", "T6", "T7"])
    semantic[1:5, 17:20, 8:14] = 1
    assert column(name_spine(semantic, classes).labels) == [21, 22, 23, 24, 25]
    broken = name_spine(semantic, classes, numerics="original").labels
    assert 20 in np.unique(broken)


def test_the_disc_above_the_sacrum_is_misnamed_under_the_original_only() -> None:
    semantic, classes = block_spine(["L3", "L4", "L5", "S1"])
    for numerics, name in (("corrected", "L5-S1"), ("original", "L5-L6")):
        result = name_spine(semantic, classes, numerics=numerics)
        assert column(result.labels) == [41, 42, 43, 44, 45, 46, 49]
        assert result.id_to_label[46] == name


def test_small_structures_vanish() -> None:
    labels = np.zeros((10, 10), np.int16)
    labels[:5] = 3
    labels[5:, 0] = -2
    labels[9, 1:10] = 4
    cleaned = remove_small_structures(labels)
    assert np.unique(cleaned).tolist() == [0, 3]


def test_cost_of_a_shift_counts_distance_and_difference() -> None:
    # Two of three voxels say T5 and T6; the third says C2, far away.
    instances = np.array([1, 1, 1, 3, 3, 3])[None, None]
    classes = np.array([10, 10, 1, 11, 11, 11])[None, None]
    ids = ids_by_shift(instances, classes, instances > 0)
    assert ids[0, 0].tolist() == [19, 19, 19, 21, 21, 21]


def votes(names: list[str], rng: np.random.Generator) -> np.ndarray:
    """Fifty voxels a vertebra, many for a neighbour; one vertebra in ten is far off."""
    rows = []
    for name in names:
        at = CLASS_NAMES.index(name if name in CLASS_NAMES else rng.choice(["T12", "L1"]))
        wrong = at + rng.choice([-1, 0, 1], p=[0.15, 0.7, 0.15])
        share = rng.dirichlet([3, 1, 1, 1])
        drawn = rng.choice([wrong, at, at - 1, at + 1], 50, p=share)
        if rng.random() < 0.1:
            drawn[:] = rng.integers(len(CLASS_NAMES))
        rows.append(np.clip(drawn, 0, 24) + 1)
    return np.array(rows)


def by_sequence(seen: np.ndarray) -> list[str]:
    numbers = np.repeat(np.arange(1, len(seen) + 1), seen.shape[1])
    return [v.name for v in likeliest_names(class_histograms(numbers, seen.ravel(), len(seen)))]


def by_shift(seen: np.ndarray) -> list[str]:
    numbers = np.repeat(2 * np.arange(1, len(seen) + 1) - 1, seen.shape[1])[None, None]
    ids = ids_by_shift(numbers, seen.reshape(1, 1, -1), numbers > 0)[0, 0, :: seen.shape[1]]
    return [next((n for n, i in ID_OF.items() if i == number), "") for number in ids]


def spine_of(variant: str) -> list[str]:
    missing = {"T13", "L6"} - {variant}
    if variant == "L4-S1":
        missing.add("L5")
    return [n for n in ORDER if n not in missing]


def test_the_sequence_is_right_more_often_than_the_shift() -> None:
    """Variants as frequent as in the literature, windows of 5 to 15 vertebrae, noisy votes."""
    rng = np.random.default_rng(0)
    variants = ["usual", "L6", "L4-S1", "T13"]
    right = {"sequence": 0, "shift": 0}
    for _ in range(300):
        spine = spine_of(rng.choice(variants, p=[0.878, 0.066, 0.036, 0.02]))
        length = rng.integers(5, 16)
        start = rng.integers(0, len(spine) - length + 1)
        names = spine[start : start + length]
        seen = votes(names, rng)
        right["sequence"] += by_sequence(seen) == names
        right["shift"] += by_shift(seen) == names
    assert right["sequence"] > right["shift"]
    assert right["sequence"] >= 0.9 * 300


def test_t13_is_found_in_noise() -> None:
    rng = np.random.default_rng(0)
    spine = spine_of("T13")
    found = 0
    for _ in range(40):
        start = rng.integers(10, 14)
        names = spine[start : start + 10]
        found += by_sequence(votes(names, rng)) == names
    assert found >= 0.5 * 40


def test_the_form_outweighs_scattered_votes() -> None:
    semantic, classes = block_spine(["T5", "T6", "T7", "T8"])
    rng = np.random.default_rng(0)
    scattered = np.where(classes > 0, rng.integers(8, 18, classes.shape), 0)
    shown: list[tuple[int, int]] = []

    def judge(bodies: np.ndarray, discs: np.ndarray) -> np.ndarray:
        shown.append((int(bodies.max()), int(discs.sum())))
        table = np.full((4, len(ORDER)), 1e-4)
        table[np.arange(4), ORDER.index("L1") + np.arange(4)] = 1
        return table

    result = name_spine(semantic, scattered, form=judge)
    assert [v.name for v in result.vertebrae] == ["L1", "L2", "L3", "L4"]
    assert shown == [(4, int((semantic == 2).sum()))]
    name_spine(semantic, classes, NamingSettings(naming="shift"), form=judge)
    name_spine(semantic, classes, form=judge, numerics="original")
    assert len(shown) == 1


def test_a_barred_name_is_barred_for_the_form_too() -> None:
    rows = histograms(["T11", "T12", "L1"], 0.0) * 0
    table = np.full((3, len(ORDER)), 1e-4)
    table[np.arange(3), ORDER.index("T12") + np.arange(3)] = 1
    free = likeliest_names(rows, NamingSettings(), table)
    assert [v.name for v in free] == ["T12", "T13", "L1"]
    barred = likeliest_names(rows, NamingSettings(allow_t13=False), table)
    assert "T13" not in [v.name for v in barred]


def test_two_pieces_below_the_sacrum_are_no_variants() -> None:
    """What lies before the sacrum looks like a body, but no form says how many there are."""
    names = ["T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1"]
    rows = histograms([*names, "L5", "L5"], 0.0) * 0
    table = np.full((10, len(ORDER)), 0.02)
    for row, name in enumerate(names):
        table[row, ORDER.index(name)] = 0.6
        table[row, ORDER.index(name) - 1] = 0.3
    table[7, [ORDER.index("L5"), ORDER.index("S1")]] = 0.5, 0.4
    table[8:, [ORDER.index("L5"), ORDER.index("L6"), ORDER.index("S1")]] = 0.3
    found = likeliest_names(rows, by_form=table)
    assert [v.name for v in found] == names


def test_what_the_form_was_taught_of_variants_is_not_counted_twice() -> None:
    rows = histograms(["T10", "T11", "T12", "L1"], 0.0) * 0
    table = np.full((4, len(ORDER)), 1e-4)
    table[np.arange(3), ORDER.index("T10") + np.arange(3)] = 1
    table[3, [ORDER.index("T13"), ORDER.index("L1")]] = 0.995, 0.005
    assert [v.name for v in likeliest_names(rows, by_form=table)][-1] == "T13"
    table[3, [ORDER.index("T13"), ORDER.index("L1")]] = 0.88, 0.12
    assert [v.name for v in likeliest_names(rows, by_form=table)][-1] == "L1"


def test_what_the_form_was_taught_is_what_phantoms_show() -> None:
    thoracic = dict(zip(plan.THORACIC_COUNTS, plan.THORACIC_ODDS, strict=True))
    lumbar = dict(zip(plan.LUMBAR_COUNTS, plan.LUMBAR_ODDS, strict=True))
    shares = {"T12": thoracic[11], "T13": thoracic[13], "L5": lumbar[4], "L6": lumbar[6]}
    assert shares == TRAINING_FREQUENCY


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["T5", "T6", "T7", "T8", "T9", "T10"], ["T5", "T6", "T7", "T8", "T9", "T10"]),
        (["C2", "C2", "C3", "C4", "C5", "C6"], ["C2", "C3", "C4", "C5", "C6"]),
    ],
)
def test_only_the_axis_is_long(names: list[str], found: list[str]) -> None:
    """The uppermost piece is as long as two: it is C2 with its dens, or two vertebrae."""
    semantic, classes = block_spine(names, missing_discs=(0,))
    top = semantic.shape[2] - BODY
    semantic[2:4, 7:11, top - BODY - DISC : top - BODY] = 1
    assert [v.name for v in name_spine(semantic, classes).vertebrae] == found


def test_a_sliver_at_the_border_has_no_name() -> None:
    names = ["T11", "T12", "L1", "L2"]
    semantic, classes = block_spine(names)
    low = int(np.flatnonzero((semantic == 1).any((0, 1)))[0])
    cut = slice(low + BODY - 1, None)
    result = name_spine(semantic[..., cut], classes[..., cut])
    assert [v.name for v in result.vertebrae] == ["T11", "T12", "L1"]
    high = int(np.flatnonzero((semantic == 1).any((0, 1)))[-1])
    cut = slice(None, high - BODY + 2)
    result = name_spine(semantic[..., cut], classes[..., cut])
    assert [v.name for v in result.vertebrae] == ["T12", "L1", "L2"]
    whole = name_spine(semantic, classes)
    assert [v.name for v in whole.vertebrae] == names
