"""Figures of the confidence of names."""

from __future__ import annotations

from itertools import product

import pytest

from spineps_nipype.phantom.plan import (
    LUMBAR_COUNTS,
    LUMBAR_ODDS,
    THORACIC_COUNTS,
    THORACIC_ODDS,
    draw_plan,
)
from training.common.name_views import (
    ANOMALIES,
    ANOMALY_SHARE,
    NamedVertebra,
    View,
    draw_anomaly,
    summary,
    weight_of,
)


def levels(thoracic: int, lumbar: int) -> list[str]:
    return [*(f"T{k + 1}" for k in range(thoracic)), *(f"L{k + 1}" for k in range(lumbar))]


def test_a_view_is_as_sure_as_its_least_vertebra() -> None:
    sure, unsure = NamedVertebra(True, 0.99), NamedVertebra(False, 0.2)
    told = summary([View([sure, sure], 1.0), View([sure, unsure], 1.0)])
    assert "2 views, all names right in 50.0%; 4 vertebrae, 75.0% right" in told
    assert "0.0% of the right views, 100.0% of the wrong ones" in told


def test_views_weigh_what_their_spines_are_among_people() -> None:
    """What a seed draws by itself counts as well as what is forced on it."""
    weighed = {"usual": 0.0, "T13": 0.0, "L6": 0.0, "all": 0.0}
    for kind in ANOMALIES:
        share = ANOMALY_SHARE / 4 + (0 if kind else 1 - ANOMALY_SHARE)
        for (t, p), (n, q) in product(
            zip(THORACIC_COUNTS, THORACIC_ODDS, strict=True),
            zip(LUMBAR_COUNTS, LUMBAR_ODDS, strict=True),
        ):
            thoracic = t if kind is None or kind.thoracic is None else kind.thoracic
            lumbar = n if kind is None or kind.lumbar is None else kind.lumbar
            mass = share * p * q * weight_of(levels(thoracic, lumbar))
            weighed["all"] += mass
            weighed["usual"] += mass * ((thoracic, lumbar) == (12, 5))
            weighed["T13"] += mass * (thoracic == 13)
            weighed["L6"] += mass * (lumbar == 6)
    assert weighed["all"] == pytest.approx(1)
    assert (weighed["T13"], weighed["L6"]) == pytest.approx((0.03, 0.03))
    assert weighed["usual"] == pytest.approx(0.94**2)


def test_a_phantom_has_what_is_forced_on_it() -> None:
    drawn = [(seed, draw_anomaly(seed)[0]) for seed in range(1000, 1040)]
    for seed, anomaly in drawn:
        if anomaly is not None and anomaly.thoracic is not None:
            names = draw_plan(seed, anomaly).levels
            assert sum(name[0] == "T" for name in names) == anomaly.thoracic
    assert sum(anomaly is not None for _, anomaly in drawn) > 5
