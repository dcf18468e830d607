"""Reading weights never runs code."""

from __future__ import annotations

import argparse
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spineps_nipype.errors import ModelError
from spineps_nipype.models.safe_load import InertArguments, load_checkpoint, weights_in


class _Mischief:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {}, "x": _Mischief(tmp_path / "made")}, path)
    with pytest.raises(ModelError, match=r"mkdir.*could run code") as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "made").exists()


def test_arguments_become_inert_and_numpy_numbers_stay(tmp_path: Path) -> None:
    path = tmp_path / "good.ckpt"
    options = argparse.Namespace(final_size=(8, 8, 8), ds_name="x")
    torch.save({"opt": options, "score": np.float64(0.5), "array": np.arange(3)}, path)
    content = load_checkpoint(path)
    assert isinstance(content["opt"], InertArguments)
    assert content["opt"].final_size == (8, 8, 8)
    assert content["score"] == 0.5
    np.testing.assert_array_equal(content["array"], [0, 1, 2])


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken"])
def test_damaged_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.ckpt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged\.ckpt"):
        load_checkpoint(path)


def test_truncated_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "cut.ckpt"
    torch.save({"w": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelError, match="damaged"):
        load_checkpoint(path)


def test_missing_and_foreign(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        load_checkpoint(tmp_path / "absent.ckpt")
    path = tmp_path / "list.ckpt"
    torch.save([1, 2], path)
    with pytest.raises(ModelError, match="holds a list"):
        load_checkpoint(path)


def test_a_file_that_holds_far_more_than_its_size(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("archive/data.pkl", bytes(1_000_000))
    with pytest.raises(ModelError, match="far more than its own size"):
        load_checkpoint(path)


@pytest.mark.parametrize("weights", [None, 5, [], {"a": 1}, {5: torch.zeros(1)}])
def test_weights_that_are_none(tmp_path: Path, weights: object) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": weights}, path)
    with pytest.raises(ModelError, match=r"has no weights \(state_dict\)"):
        weights_in(load_checkpoint(path), "state_dict", path)
