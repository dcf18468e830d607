"""Package of the mean of several semantic networks: legs that began with the same weights.

    python -m training.semantic.mean runs/a/last.pt PACKAGE --shares 0.7 0.3 --out DIR

Sources are checkpoints, whose averages count, and packages.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from training.semantic.recipe import build_network, starting_weights, write_package


def mean_weights(
    weights: Sequence[Mapping[str, Tensor]], shares: Sequence[float]
) -> dict[str, Tensor]:
    """Mean of weights by shares, which are divided by their sum.

    Raises
    ------
    ValueError
        If there are not as many shares as weights, or the sum of the shares is not positive.
    """
    total = sum(shares)
    if len(shares) != len(weights) or total <= 0:
        raise ValueError(f"{len(weights)} weights cannot have the shares {list(shares)}")
    parts = [share / total for share in shares]
    return {
        name: torch.stack([part * w[name] for part, w in zip(parts, weights, strict=True)]).sum(0)
        for name in weights[0]
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the package."""
    parser = argparse.ArgumentParser(prog="python -m training.semantic.mean", description=__doc__)
    parser.add_argument("sources", type=Path, nargs="+", help="checkpoints and packages")
    parser.add_argument("--shares", type=float, nargs="+", help="one a source (default: equal)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the package")
    options = parser.parse_args(arguments)
    shares = options.shares or [1.0] * len(options.sources)
    network = build_network()
    network.load_state_dict(
        mean_weights([starting_weights(path) for path in options.sources], shares)
    )
    write_package(options.out, network)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
