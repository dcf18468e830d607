"""Freed memory stays with the process for a while, and goes back afterwards."""

from __future__ import annotations

import psutil
import pytest
import torch

from spineps_nipype.models.inference import memory

MB = 2**20
SIZE = 200


@pytest.mark.skipif(memory._glibc() is None, reason="the C library is not glibc")
def test_kept_and_given_back() -> None:
    process = psutil.Process()
    with memory.reused_memory():
        block = torch.ones(SIZE * MB // 4)
        full = process.memory_info().rss
        del block
        assert process.memory_info().rss > full - SIZE * MB / 10
    assert process.memory_info().rss < full - SIZE * MB / 2


def test_another_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    with memory.reused_memory():
        assert torch.ones(2).sum() == 2
