"""The loop: averages without aliasing faults, runs that resume, seeds that hold out phantoms."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from training.common.loop import (  # noqa: E402
    Ema,
    GroupStream,
    LoopOptions,
    load_average,
    train,
)
from training.common.phantom_seeds import (  # noqa: E402
    HELD_OUT_SEEDS,
    phantom_seed,
    require_held_out,
)


class Shared(nn.Module):
    """A network in which one layer has two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.alias = self.first


def test_average_moves_shared_weights_once_and_keeps_them_shared() -> None:
    network = Shared()
    nn.init.zeros_(network.first.weight)
    ema = Ema(network, decay=0.9)
    ema.updates = 10_000  # past the warm-up
    nn.init.ones_(network.first.weight)
    ema.update(network)
    assert torch.allclose(ema.network.first.weight, torch.full((2, 2), 0.1))
    assert ema.network.alias.weight is ema.network.first.weight


def test_training_phantoms_are_never_held_out() -> None:
    seeds = {phantom_seed(seed, group) for seed in range(3) for group in range(500)}
    assert not seeds & set(HELD_OUT_SEEDS)
    assert len(seeds) == 1500
    for seed in seeds:
        with pytest.raises(ValueError, match="not held out"):
            require_held_out(seed)
    for seed in HELD_OUT_SEEDS:
        require_held_out(seed)


def make_group(seed: int, group: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng((seed, group))
    x = rng.standard_normal((5, 3)).astype(np.float32)
    return [{"x": row, "y": row.sum(keepdims=True)} for row in x]


def test_stream_is_a_function_of_its_seed() -> None:
    def take(seed: int) -> np.ndarray:
        stream = iter(GroupStream(make_group, seed, start=0))
        return np.stack([next(stream)["x"] for _ in range(30)])

    assert np.array_equal(take(1), take(1))
    assert not np.array_equal(take(1), take(2))
    assert len(np.unique(take(1), axis=0)) == 30


def loss(network, batch):
    value = ((network(batch["x"]) - batch["y"]) ** 2).mean()
    return value, {"error": float(value.detach())}


def test_run_learns_logs_stops_and_resumes(tmp_path) -> None:
    def options(steps: int) -> LoopOptions:
        return LoopOptions(
            out=tmp_path,
            steps=steps,
            learning_rate=0.1,
            warm_up=1,
            log_every=10,
            batch_size=4,
            bf16=False,
            ema_decay=0.9,
        )

    def network() -> nn.Module:
        torch.manual_seed(0)
        return nn.Linear(3, 1)

    train(network(), loss, make_group, options(20))
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    assert state["step"] == 20
    trained = train(network(), loss, make_group, options(200))
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 200
    assert torch.allclose(trained.weight, torch.ones(1, 3), atol=0.05)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "step,minutes,name,value"
    assert sum(line.split(",")[2] == "error" for line in lines) == 20
    assert torch.equal(load_average(tmp_path / "last.pt", network()).weight, trained.weight)
