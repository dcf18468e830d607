"""Engines: what turns a network into a function that is called with its input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from spineps_nipype.models.engine_choice import choose_engine
from spineps_nipype.models.networks.fast_norm import speed_up
from spineps_nipype.settings import EngineSettings

Runner = Callable[..., Tensor]
"""Takes (batch, channels, z, y, x), and what else the network takes, and gives logits in float32,
class second."""


class Engine(Protocol):
    """Computes networks."""

    @property
    def batch_size(self) -> int | None:
        """Largest batch that is worth while, None where larger ones are always faster."""

    def prepare(self, network: nn.Module, part: str, *examples: Sequence[int]) -> Runner:
        """Make a network ready to be called.

        Parameters
        ----------
        network
            With its weights, in evaluation mode. It belongs to the engine from now on.
        part
            Which network of the package this is.
        examples
            Shapes of small inputs that the network takes.
        """


class TorchEngine:
    """Networks computed by torch.

    Parameters
    ----------
    precision
        ``float32`` or ``bfloat16``; in the latter the layers decide what stays float32.
    device
        torch device.
    """

    def __init__(self, precision: str, device: str) -> None:
        self._device = torch.device(device)
        self._autocast = precision == "bfloat16"
        # More items in a call make a processor no faster, and need their memory all at once.
        self.batch_size = 1 if self._device.type == "cpu" else None

    def prepare(self, network: nn.Module, part: str, *examples: Sequence[int]) -> Runner:
        """See `Engine`."""
        del part, examples
        on_cpu = self._device.type == "cpu"
        network = speed_up(network) if on_cpu else network.to(self._device)

        def run(x: Tensor, *further: Tensor) -> Tensor:
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._autocast):
                if on_cpu:
                    x = x.contiguous(memory_format=torch.channels_last_3d)
                out: Tensor = network(*(one.to(self._device) for one in (x, *further)))
            return out.float()

        return run


def make_engine(settings: EngineSettings | None, device: str, digest: str) -> Engine:
    """Engine for the networks of a package.

    Parameters
    ----------
    settings
        Engine and precision; see `choose_engine` for what ``auto`` means.
    device
        torch device.
    digest
        Digest of the package, under which prepared networks are kept; empty keeps nothing.

    Raises
    ------
    ResourceError
        If the engine is not installed or the device cannot do what is asked for.
    """
    chosen = choose_engine(settings or EngineSettings(engine="torch"), device)
    if chosen.engine == "openvino":
        from .openvino_engine import OpenVinoEngine

        return OpenVinoEngine(chosen.precision, digest)
    return TorchEngine(chosen.precision, device)
