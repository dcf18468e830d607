"""VERIDAH classifier: probabilities of vertebra names for image patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spineps_nipype.errors import ModelError
from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.networks.classifier import VertebraClassifier, build_classifier
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.models.safe_load import load_checkpoint

ROTATED_DATA = "v4corpus"
"""Training sets whose name holds this were turned along the spine."""
BATCH = 4


class LabelingNetwork:
    """A loaded labelling package; see `LabelingModel` for its use."""

    def __init__(
        self,
        config: ModelConfig,
        network: VertebraClassifier,
        heads: Mapping[str, int],
        final_size: tuple[int, int, int],
        rotate: bool,
        device: str,
    ) -> None:
        self.config = config
        self.heads = dict(heads)
        self.final_size = final_size
        self.rotate = rotate
        self._network = network.to(device)
        self._device = device

    def predict(self, patches: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Softmax of every head.

        Parameters
        ----------
        patches
            Shape (n, *final_size), normalised, in model orientation.

        Returns
        -------
        dict
            Head name to an array of shape (n, classes).
        """
        parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in self.heads}
        with torch.inference_mode():
            for start in range(0, len(patches), BATCH):
                batch = np.ascontiguousarray(patches[start : start + BATCH], dtype=np.float32)
                logits = self._network(torch.from_numpy(batch)[:, None].to(self._device))
                for name, value in logits.items():
                    parts[name].append(torch.softmax(value, dim=1).cpu().numpy())
        return {
            name: np.concatenate(p) if p else np.zeros((0, self.heads[name]), np.float32)
            for name, p in parts.items()
        }


def load_labeling(
    package: ModelPackage, device: str = "cpu", num_threads: int | None = None
) -> LabelingNetwork:
    """Load a labelling package.

    Raises
    ------
    ModelError
        If the checkpoint is missing, does not fit, or lacks its patch size.
    """
    if num_threads:
        torch.set_num_threads(num_threads)
    found = sorted(package.folder.glob("**/*val_f1=*valf1-weights.ckpt"))
    if not found:
        raise ModelError(
            "The labelling package has no *val_f1=*valf1-weights.ckpt.",
            file=package.folder,
            remedy="Install the package again.",
        )
    path = found[-1]
    checkpoint = load_checkpoint(path)
    try:
        parameters = checkpoint["hyper_parameters"]
        options = _as_dict(parameters["opt"])
        sizes = [int(v) for v in options["final_size"]]
        heads = {str(k): int(v) for k, v in parameters["group_2_n_channel"].items()}
        state = checkpoint["state_dict"]
    except (KeyError, TypeError, ValueError) as err:
        raise ModelError(
            f"The labelling checkpoint lacks {err}.",
            file=path,
            remedy="Use a checkpoint in the layout of the released VERIDAH models.",
        ) from err
    network = build_classifier(state, str(path))
    rotate = ROTATED_DATA in str(options.get("ds_name", ""))
    return LabelingNetwork(
        package.config, network, heads, (sizes[0], sizes[1], sizes[2]), rotate, device
    )


def _as_dict(options: Any) -> dict[str, Any]:
    """Attributes of a training-argument object, or the dictionary itself."""
    return dict(options) if isinstance(options, dict) else dict(vars(options))
