"""Probabilities of the names of spine-segmentation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from spineps_nipype.core.anatomy import L6, T13, VERTEBRA_NAMES
from spineps_nipype.core.name_posterior import ANOMALY_ODDS, NamePosterior
from spineps_nipype.spine_segmentation.name_table import LABEL_COLUMNS, name_rows
from spineps_nipype.spine_segmentation.names import CLASS_NAMES, ORDER
from spineps_nipype.spine_segmentation.posterior import name_posterior, with_probabilities
from spineps_nipype.spine_segmentation.results import (
    SegmentationResult,
    read_result,
    write_result,
)
from spineps_nipype.spine_segmentation.sequence import likeliest_names
from spineps_nipype.spine_segmentation.settings import NamingSettings

VERTEBRA_LABELS = {name: label for label, name in VERTEBRA_NAMES.items()}
LUMBAR = ["T12", "L1", "L2", "L3", "L4", "L5", "S1"]


def histograms(names: list[str], share: float = 0.9) -> np.ndarray:
    rows = np.full((len(names), len(CLASS_NAMES)), (1 - share) / len(CLASS_NAMES))
    for i, name in enumerate(names):
        rows[i, CLASS_NAMES.index(name)] += share
    return rows


def forms(names: list[str], sure: float = 0.9) -> np.ndarray:
    """Probabilities by form: the rest is spread over all names."""
    rows = np.full((len(names), len(ORDER)), (1 - sure) / len(ORDER))
    for i, name in enumerate(names):
        rows[i, ORDER.index(name)] += sure
    return rows


def posterior(*arguments: object) -> NamePosterior:
    found = name_posterior(*arguments)  # type: ignore[arg-type]
    assert found is not None
    assert sum(p for _, p in found.sequences) == pytest.approx(1)
    return found


def names_of(labels: tuple[int, ...]) -> list[str]:
    return [VERTEBRA_NAMES[label] for label in labels]


def test_the_best_sequence_is_the_one_that_names() -> None:
    for by_form in (None, forms(LUMBAR)):
        found = posterior(histograms(LUMBAR), NamingSettings(), by_form)
        named = likeliest_names(histograms(LUMBAR), by_form=by_form)
        assert names_of(found.sequences[0][0]) == [v.name for v in named] == LUMBAR


def test_weak_evidence_is_unsure() -> None:
    sure, unsure = (posterior(histograms(["T5", "T6", "T7"], s)) for s in (0.95, 0.15))
    assert sure.sequences[0][1] > 0.7
    assert unsure.sequences[0][1] < 0.5


def test_errors_of_neighbours_are_partly_one_error() -> None:
    """The odds of a shift grow with the root of the number of vertebrae of the same evidence."""

    def log_odds(count: int) -> float:
        rows = histograms(list(CLASS_NAMES[8 : 8 + count]), 0.9)
        found = dict(posterior(rows).sequences)
        right = tuple(VERTEBRA_LABELS[name] for name in CLASS_NAMES[8 : 8 + count])
        return math.log(found[right] / found[tuple(label + 1 for label in right)])

    assert log_odds(9) == pytest.approx(1.5 * log_odds(4), rel=0.1)


def test_without_evidence_an_anomaly_has_its_odds() -> None:
    """Of L5 and something below it nothing is known but that L5 is certain and it is no sacrum."""
    rows = np.concatenate([histograms(["L5"], 1.0), np.zeros((1, len(CLASS_NAMES)))])
    found = posterior(rows)
    odds = found.of_label(1, L6) / found.of_label(1, VERTEBRA_LABELS["S1"])
    assert odds == pytest.approx(ANOMALY_ODDS, rel=0.05)


def test_what_settings_rule_out_has_no_probability() -> None:
    rows = histograms(["T11", "T12", "L1", "L2"], 0.3)
    assert any(T13 in labels for labels, _ in posterior(rows).sequences)
    barred = posterior(rows, NamingSettings(allow_t13=False))
    assert not any(T13 in labels for labels, _ in barred.sequences)


def test_pieces_beyond_the_ends_have_no_name() -> None:
    rows = histograms(["L4", "L5", "S1", "S1"], 1.0)
    found = posterior(rows)
    assert found.of_row(3)[0][0] == 0
    named = with_probabilities(likeliest_names(rows), found)
    assert [v.name for v in named] == ["L4", "L5", "S1"]
    assert all(v.probable["confidence"] > 0.4 for v in named)


def test_no_vertebrae_no_probabilities() -> None:
    assert name_posterior(np.zeros((0, len(CLASS_NAMES)))) is None


def test_the_table_has_the_columns_that_are_explained(tmp_path: Path) -> None:
    rows = histograms(LUMBAR, 0.5)
    named = with_probabilities(likeliest_names(rows), name_posterior(rows))
    table = name_rows(named)
    assert set(table[0]) <= set(LABEL_COLUMNS)
    assert [row["label"] for row in table] == [35, 37, 39, 41, 43, 45, 49]
    assert table[0]["sequences"].startswith("T12 to S1 (")
    none = np.zeros((1, 2, 2), np.uint8)
    stored = SegmentationResult(none, none.astype(np.int16), {1: "C2"}, named)
    write_result(stored, tmp_path / "x.npz")
    again = read_result(tmp_path / "x.npz")
    assert again is not None
    assert again.vertebrae == named
    assert math.isclose(again.vertebrae[0].probable["confidence"], table[0]["confidence"])
