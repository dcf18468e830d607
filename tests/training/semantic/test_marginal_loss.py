"""Loss over label sets: what a joined mask teaches, and what it leaves open."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from spineps_nipype.core.anatomy import MR_LABELS  # noqa: E402
from training.semantic.marginal_loss import (  # noqa: E402
    CLASS_OF,
    CLASSES,
    NO_VERTEBRA_CODE,
    SETS,
    UNKNOWN_CODE,
    decided,
    marginal_loss,
    set_table,
)

VERTEBRA, DISC = CLASSES + 1, CLASSES + 2
"""Codes of SPIDER masks."""


@pytest.fixture
def table():
    return set_table(SETS)


def ones(table):
    return torch.ones(len(table))


def test_classes_follow_the_label_order() -> None:
    assert [CLASS_OF[label] for label in MR_LABELS] == list(range(1, 15))


def test_sets_of_one_class_give_cross_entropy_and_soft_dice(table) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, CLASSES, 3, 4, 5, requires_grad=True)
    codes = torch.randint(0, CLASSES, (2, 3, 4, 5))
    entropy, dice = marginal_loss(logits, codes, table, ones(table))
    torch.testing.assert_close(entropy, torch.nn.functional.cross_entropy(logits, codes))
    soft = logits.softmax(1)
    scores = []
    for sample in range(2):
        for k in range(1, CLASSES):
            truth = (codes[sample] == k).float()
            if truth.any():
                both = (soft[sample, k] * truth).sum()
                total = soft[sample, k].sum() + truth.sum()
                scores.append((2 * both + 20) / (total + 20))
    torch.testing.assert_close(dice, 1 - torch.stack(scores).mean())
    (entropy + dice).backward()
    assert torch.isfinite(logits.grad).all()


def test_a_joined_mask_does_not_care_which_of_its_labels_is_said(table) -> None:
    codes = torch.full((1, 2, 2, 2), VERTEBRA)
    for label in (41, 48, 49):
        logits = torch.zeros(1, CLASSES, 2, 2, 2)
        logits[:, CLASS_OF[label]] = 20
        entropy, dice = marginal_loss(logits, codes, table, ones(table))
        assert float(entropy) < 1e-5
        assert float(dice) < 1e-5
    wrong = torch.zeros(1, CLASSES, 2, 2, 2)
    wrong[:, CLASS_OF[100]] = 20
    entropy, dice = marginal_loss(wrong, codes, table, ones(table))
    assert float(entropy) > 10
    assert float(dice) > 0.2


def test_weights_act_on_the_code_of_the_voxel(table) -> None:
    logits = torch.zeros(1, CLASSES, 1, 1, 2)
    codes = torch.tensor([CLASS_OF[100], VERTEBRA]).reshape(1, 1, 1, 2)
    weights = ones(table)
    weights[VERTEBRA] = 3
    entropy, _ = marginal_loss(logits, codes, table, weights)
    log = torch.log(torch.tensor(float(CLASSES)))
    expected = (log + 3 * (log - torch.log(torch.tensor(9.0)))) / 2
    torch.testing.assert_close(entropy, expected)


def test_open_voxels_neither_help_nor_harm_a_single_label(table) -> None:
    """A SPIDER background voxel may be sacrum: saying so there costs the sacrum nothing."""
    sacrum, background = CLASS_OF[26], CLASSES
    rows = table[[sacrum, background, DISC]]
    assert decided(rows)[0].tolist() == [1, 0, 1]
    assert decided(rows)[2].tolist() == [1, 1, 1]


def test_what_is_unknown_teaches_nothing(table) -> None:
    """Nor does it dilute what is known."""
    torch.manual_seed(0)
    logits = torch.randn(1, CLASSES, 2, 2, 6, requires_grad=True)
    codes = torch.full((1, 2, 2, 6), UNKNOWN_CODE)
    codes[..., :3] = VERTEBRA
    both = marginal_loss(logits, codes, table, ones(table))
    alone = marginal_loss(logits[..., :3], codes[..., :3], table, ones(table))
    for value, expected in zip(both, alone, strict=True):
        torch.testing.assert_close(value, expected)
    sum(both).backward()
    assert logits.grad is not None
    assert float(logits.grad[..., 3:].abs().max()) == 0
    assert float(logits.grad[..., :3].abs().max()) > 0


def test_what_is_no_vertebra_may_be_anything_else(table) -> None:
    codes = torch.full((1, 2, 2, 2), NO_VERTEBRA_CODE)
    for label, right in ((0, True), (100, True), (61, True), (26, True), (49, False), (43, False)):
        logits = torch.zeros(1, CLASSES, 2, 2, 2)
        logits[:, CLASS_OF[label]] = 20
        entropy, _ = marginal_loss(logits, codes, table, ones(table))
        assert (float(entropy) < 1e-5) is right
