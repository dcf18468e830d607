"""Instance normalisation that a CPU computes fast.

With one sample in a batch, instance and batch normalisation are the same, and torch has a fast
batch normalisation for bfloat16 and channels-last tensors: a training step takes two thirds of
the time.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class SingleSampleInstanceNorm(nn.InstanceNorm3d):
    """`InstanceNorm3d` with the same parameters; other batch sizes than 1 take the usual way."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (batch, channels, z, y, x)."""
        if x.shape[0] != 1:
            return super().forward(x)
        return functional.batch_norm(
            x, None, None, self.weight, self.bias, training=True, momentum=0.0, eps=self.eps
        )


def speed_up(network: nn.Module) -> nn.Module:
    """Exchange the normalisation layers in place; the state dict keeps its names."""
    for module in network.modules():
        if type(module) is nn.InstanceNorm3d:
            # the layer is registered under several names, so it must stay the same object
            module.__class__ = SingleSampleInstanceNorm
    return network
