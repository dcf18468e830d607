"""Views of measured vertebrae, the network that names them, and its files."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from spineps_nipype.core.vertebra_form import FEATURES, PART_FEATURES, PART_LABELS  # noqa: E402
from spineps_nipype.core.vertebra_look import CLIPPED, DEPTH, HEIGHT, PLANES  # noqa: E402
from spineps_nipype.models.networks.form_net import FormNet, Judgement  # noqa: E402
from spineps_nipype.models.onnx_network import OnnxNetwork  # noqa: E402
from spineps_nipype.phantom import generate  # noqa: E402
from spineps_nipype.spine_segmentation.names import ORDER  # noqa: E402
from training.forms import labeling, spine_segmentation  # noqa: E402
from training.forms.augmentation import augment_forms  # noqa: E402
from training.forms.fit import (  # noqa: E402
    ABSENT,
    ALONE_SHARE,
    WEIGHTS,
    Views,
    batches,
    fit,
    loss_of,
)
from training.forms.looks import MARGIN, STEP, augment_looks  # noqa: E402
from training.forms.plan_measures import MEASURES, plan_measures  # noqa: E402
from training.forms.shipped import shipped_weights  # noqa: E402
from training.forms.views import load_or_measure  # noqa: E402


@pytest.fixture(scope="module")
def views():
    return labeling.phantom_views(0, 5)


def inputs(view):
    """Measures and looks of one view, as the network takes them."""
    looks = view.looks[None, :, :, MARGIN:-MARGIN, MARGIN:-MARGIN] * np.float32(STEP)
    return torch.from_numpy(view.forms)[None], torch.from_numpy(looks)


def test_looks_are_augmented_each_in_its_own_way(views) -> None:
    stored = [views[0].looks, views[1].looks]
    first = augment_looks(stored, np.random.default_rng(0))
    other = augment_looks(stored, np.random.default_rng(1))
    assert first.shape == (2, max(map(len, stored)), PLANES, DEPTH, HEIGHT)
    assert 0 <= first.min() < first.max() <= CLIPPED
    assert not torch.equal(first, other)
    assert not first[1, len(stored[1]) :].any()


def test_views_show_consecutive_vertebrae(views) -> None:
    assert len(views[0].forms) >= 21
    for view in views:
        assert view.forms.shape == (len(view.classes), FEATURES)
        assert np.isfinite(view.forms).all()
        assert np.diff(view.classes[:, 0]).min(initial=0) >= 0
    assert len({len(view.forms) for view in views}) > 3


def test_bodies_of_a_phantom_end_with_s1() -> None:
    whole = spine_segmentation.phantom_views(0, 5)[0]
    assert whole.classes[0, 0] == ORDER.index("C2")
    assert whole.classes[-1, 0] == ORDER.index("S1")
    seen = whole.forms[:, : PART_FEATURES * len(PART_LABELS) : PART_FEATURES]
    assert seen[:, 0].all()
    assert not seen[:, 1:-1].any()


def test_changes_leave_bodies_and_absent_parts(views) -> None:
    forms = views[0].forms
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = augment_forms(forms, rng)
        assert other[:, 0].tolist() == forms[:, 0].tolist()
        assert (other[:, :-12][forms[:, :-12] == 0] == 0).all()


def test_without_strength_only_what_is_lost_changes(views) -> None:
    forms = views[0].forms[:, :-1]  # the last is the sacrum, of which any part may be in view
    still = augment_forms(views[0].forms, np.random.default_rng(0), 0.0)[:, :-1]
    moved = augment_forms(views[0].forms, np.random.default_rng(0))[:, :-1]
    kept = still != 0
    np.testing.assert_allclose(still[kept], forms[kept], rtol=1e-6)
    assert np.abs(moved - forms)[kept].mean() > 0.01


def test_measures_of_a_phantom_are_those_of_its_plan(views) -> None:
    phantom = generate(3)
    measures = plan_measures(phantom.plan)
    assert list(measures) == [*phantom.plan.levels[1:], "S1"]
    whole = labeling.phantom_masks(phantom, phantom.spine)
    vertebra = phantom.plan.vertebrae[10]
    assert np.exp(whole.known[vertebra.label][0]) == pytest.approx(vertebra.height)
    assert np.isnan(measures["S1"][3:]).all()
    assert np.isfinite(np.concatenate([m for n, m in measures.items() if n != "S1"])).all()
    for view in views:
        assert view.measures.shape == (len(view.forms), MEASURES)
        # bodies grow from the neck to the loins, and masks show it
        if len(view.forms) > 10:
            assert np.corrcoef(view.measures[:, 1], view.forms[:, 5])[0, 1] > 0.8


def test_unknown_dimensions_teach_nothing(views) -> None:
    (batch,) = islice(batches(Views(views[:1]), np.random.default_rng(0), 2), 1)
    judgement = Judgement(
        {"VERT": torch.zeros(*batch.classes.shape[:2], 24)},
        torch.zeros(*batch.classes.shape[:2], 24),
        torch.zeros_like(batch.measures),
    )
    usual = torch.tensor([[0.0], [1.0]]).expand(2, MEASURES)
    unknown = replace(batch, measures=torch.full_like(batch.measures, torch.nan))
    names = (1 + ALONE_SHARE) * np.log(24)
    assert loss_of(judgement, unknown, usual).item() == pytest.approx(names, rel=1e-4)
    assert loss_of(judgement, batch, usual).item() > names + 0.1


def test_measures_are_made_once(tmp_path, views) -> None:
    calls = []

    def make(number: int):
        calls.append(number)
        return views[:3]

    first = load_or_measure(tmp_path, 4, make, part=2)
    second = load_or_measure(tmp_path, 4, make, part=2)
    assert calls == [0, 1, 2, 3]
    assert len(first) == len(second) == 12
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.forms, b.forms)
        np.testing.assert_array_equal(a.classes, b.classes)
        np.testing.assert_array_equal(a.measures, b.measures)


def test_training_learns_the_spine_it_sees_and_goes_on(tmp_path, views) -> None:
    network = fit(Views(views[:1]), labeling.HEADS, steps=200, seed=0, size=2)
    torch.save(network.state_dict(), tmp_path / WEIGHTS)
    other = fit(
        Views(views[:1]),
        spine_segmentation.HEADS,
        steps=1,
        seed=1,
        size=2,
        init=tmp_path / WEIGHTS,
    )
    for mine, given in zip(other.look.parameters(), network.look.parameters(), strict=True):
        torch.testing.assert_close(mine, given, atol=1e-3, rtol=0)
    assert set(other.heads) == set(spine_segmentation.HEADS)
    with torch.inference_mode():
        names = network(*inputs(views[0]))["VERT"][0].argmax(-1)
    # 4 % by chance; what is reached depends on the number of threads
    assert (names.numpy() == views[0].classes[:, 0]).mean() > 0.5


def test_short_sequences_do_not_see_what_pads_them(views) -> None:
    network = FormNet(FEATURES, spine_segmentation.HEADS, MEASURES).eval()
    (forms, looks), count = inputs(views[0]), 4
    sizes = torch.tensor([forms.shape[1], count])
    with torch.inference_mode():
        repeated = forms.repeat(2, 1, 1), looks.repeat(2, 1, 1, 1, 1)
        both = network.judged(*repeated, sizes).heads["NAME"]
        alone = network(forms[:, :count], looks[:, :count])["NAME"]
        whole = network(forms, looks)["NAME"]
    torch.testing.assert_close(both[1, :count], alone[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(both[0], whole[0], atol=1e-4, rtol=1e-4)


def test_onnx_file_gives_the_probabilities_of_the_network(tmp_path, views) -> None:
    torch.manual_seed(0)
    network = FormNet(FEATURES, spine_segmentation.HEADS, MEASURES).eval()
    network.deviation.fill_(2.0)
    spine_segmentation.write_form_onnx(network, tmp_path / "form.onnx")
    runner = OnnxNetwork(tmp_path / "form.onnx")
    for view in views[:2]:
        given = inputs(view)
        with torch.inference_mode():
            expected = network(*given)["NAME"].softmax(-1).numpy()
        found = runner.predict(*(x.numpy() for x in given))
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_training_goes_on_from_the_file_that_ships(tmp_path, views) -> None:
    torch.manual_seed(0)
    network = FormNet(FEATURES, spine_segmentation.HEADS, MEASURES).eval()
    network.mean.fill_(3.0)
    for layer in network.modules():
        if isinstance(layer, torch.nn.GroupNorm):  # equal ones would be stored once
            torch.nn.init.normal_(layer.weight, 1.0, 0.1)
            torch.nn.init.normal_(layer.bias, 0.0, 0.1)
    spine_segmentation.write_form_onnx(network, tmp_path / "form.onnx")
    stored, own = shipped_weights(tmp_path / "form.onnx"), network.state_dict()
    assert set(stored) == set(own)
    for name, value in own.items():  # bytes have a 127th of the largest weight as their step
        torch.testing.assert_close(stored[name], value, atol=4e-3, rtol=1e-2)
    further = fit(
        Views(views[:1]),
        spine_segmentation.HEADS,
        steps=1,
        seed=1,
        size=2,
        init=tmp_path / "form.onnx",
        learning_rate=1e-9,
    )
    for name, value in further.state_dict().items():
        torch.testing.assert_close(value, stored[name], atol=1e-6, rtol=0)


def test_real_scans_count_alike(views) -> None:
    few, many = views[:1], views[1:4]
    drawn = batches(
        Views(views[4:], real=[few, many], real_share=1.0), np.random.default_rng(0), 64
    )
    lengths = [int((row != ABSENT).sum()) for row in next(drawn).classes[..., 0]]
    assert 20 < sum(n == len(few[0].forms) for n in lengths) < 64
    assert {len(view.forms) for view in many} <= set(lengths)
