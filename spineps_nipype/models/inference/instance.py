"""Instance U-Net: three vertebrae around the centre of each cut-out."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from spineps_nipype.errors import ModelError
from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.networks.instance_unet import (
    AfterStem,
    AroundLabels,
    InstanceUNet,
    build_instance_unet,
)
from spineps_nipype.models.networks.label_stem import convolve_labels
from spineps_nipype.models.networks.left_out import (
    PLACE,
    inputs_of,
    parts_with_labels,
    whole,
)
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.models.safe_load import load_checkpoint, weights_in
from spineps_nipype.settings import EngineSettings

from .engines import Engine, Runner, make_engine
from .memory import reused_memory

logger = logging.getLogger(__name__)

SINGLE_CHANNEL_SCALE = 9.0
"""Largest input label, by which networks with one channel divide."""
SMALL_CUTOUT = 1_000_000
"""Voxels of a cut-out below which all of it is computed: a network for parts takes an engine
longer to prepare, again for each size of part, than a small cut-out saves."""


class InstanceNetwork:
    """A loaded instance package; see `InstanceModel` for its use."""

    def __init__(
        self, config: ModelConfig, network: InstanceUNet, device: str, engine: Engine
    ) -> None:
        self.config = config
        self._channels = network.channels
        self._stem = network.init_conv.to(device)
        size = math.prod(config.cutout_size)
        self._around = engine.batch_size == 1 and size >= SMALL_CUTOUT
        self._network = _prepared(network, engine, around=self._around)
        self._batch_size = engine.batch_size
        self._device = device
        table = np.zeros(256, dtype=np.uint8)
        for source, target in {1: 1, 2: 2, 3: 3, **config.labels}.items():
            table[source] = target
        self._table = table

    def predict(
        self, cutouts: Sequence[NDArray[Any]], *, batch_size: int = 4, amp: bool = False
    ) -> list[NDArray[np.uint8]]:
        """Label the vertebrae of cut-outs.

        Parameters
        ----------
        cutouts
            Integer maps of mapped semantic labels, each (P, I, R) with sizes that are multiples
            of 8.
        batch_size
            Cut-outs in one call of the network; on a processor and when memory runs out 1.
        amp
            Mixed precision on CUDA.

        Returns
        -------
        list of arrays
            1 above, 2 centre, 3 below, 0 elsewhere.
        """
        out: list[NDArray[np.uint8]] = []
        size = max(min(int(batch_size), self._batch_size or len(cutouts)), 1)
        with reused_memory():
            while len(out) < len(cutouts):
                batch = cutouts[len(out) : len(out) + size]
                try:
                    out.extend(self._batch(batch, amp))
                except torch.cuda.OutOfMemoryError:
                    if size == 1:
                        raise
                    size = 1
                    logger.warning("out of device memory: cut-outs are predicted one by one")
        return out

    def _batch(self, cutouts: Sequence[NDArray[Any]], amp: bool) -> list[NDArray[np.uint8]]:
        labels = torch.from_numpy(np.stack(cutouts).astype(np.int64)).to(self._device)
        if self._channels > 1:
            labels = torch.where((labels < 0) | (labels >= self._channels), 0, labels)
        kind = torch.device(self._device).type
        with (
            torch.inference_mode(),
            torch.autocast(kind, torch.float16, enabled=amp and kind == "cuda"),
        ):
            # A GPU computes whole cut-outs at once, which need one size.
            classes = [self._part(c) for c in labels] if self._around else self._whole(labels)
        return [self._table[c] for c in classes]

    def _whole(self, labels: Tensor) -> NDArray[np.uint8]:
        return _classes(self._network(convolve_labels(self._stem, labels, self._input)))

    def _part(self, labels: Tensor) -> NDArray[np.uint8]:
        """Classes of one cut-out, whose first levels are computed around its labels."""
        parts = parts_with_labels(labels.numpy())
        start = convolve_labels(self._stem, labels[parts[0].box][None], self._input)
        found: NDArray[np.uint8] = _classes(self._network(start, *inputs_of(parts)))[0]
        return found

    def _input(self, labels: Tensor) -> Tensor:
        if self._channels == 1:
            return labels[:, None].float() / SINGLE_CHANNEL_SCALE
        return functional.one_hot(labels, self._channels).movedim(-1, 1).float()


def _classes(logits: Tensor) -> NDArray[np.uint8]:
    """Class of each voxel, the first of equal ones; `argmax` takes ten times as long."""
    found: NDArray[np.uint8] = logits.max(dim=1).indices.to("cpu", torch.uint8).numpy()
    return found


def _prepared(network: InstanceUNet, engine: Engine, *, around: bool) -> Runner:
    """What comes behind the first convolution: of whole cut-outs, or around their labels."""
    side = 4 * PLACE
    if not around:
        return engine.prepare(AfterStem(network), "instance", (1, network.width, *[side] * 3))
    parts = [whole([side] * 3)] * 2
    further = [tuple(one.shape) for one in inputs_of(parts)]
    start = (1, network.width, *[side] * 3)
    return engine.prepare(AroundLabels(network), "instance-around-labels", start, *further)


def load_instance(
    package: ModelPackage,
    device: str = "cpu",
    num_threads: int | None = None,
    engine: EngineSettings | None = None,
) -> InstanceNetwork:
    """Load an instance package; `engine` computes it, torch in float32 when None.

    Raises
    ------
    ModelError
        If there is not exactly one `*weights*.ckpt`, or it does not fit.
    """
    if num_threads:
        torch.set_num_threads(num_threads)
    found = sorted(package.folder.glob("**/*weights*.ckpt"))
    if len(found) != 1:
        names = ", ".join(f.name for f in found) or "none"
        raise ModelError(
            f"The instance package needs exactly one *weights*.ckpt; found: {names}.",
            file=package.folder,
            remedy="Install the package again.",
        )
    checkpoint = load_checkpoint(found[0])
    network = build_instance_unet(weights_in(checkpoint, "state_dict", found[0]), str(found[0]))
    return InstanceNetwork(
        package.config, network, device, make_engine(engine, device, package.digest)
    )
