"""VERIDAH classifier: probabilities of vertebra names for image patches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spineps_nipype.errors import ModelError
from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.networks.classifier import VertebraClassifier, build_classifier
from spineps_nipype.models.networks.form_net import FormNet, build_form_net
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.models.safe_load import load_checkpoint, weights_in
from spineps_nipype.settings import EngineSettings

from .engines import Engine, make_engine

ROTATED_DATA = "v4corpus"
"""Training sets whose name holds this were turned along the spine."""
FORM_FILE = "form-weights.ckpt"
"""Of our own packages: weights of `FormNet`."""
BATCH = 4
"""Patches in one call on a GPU."""


class LabelingNetwork:
    """A loaded labelling package; see `LabelingModel` for its use."""

    def __init__(
        self,
        config: ModelConfig,
        network: VertebraClassifier,
        heads: Mapping[str, int],
        final_size: tuple[int, int, int],
        rotate: bool,
        engine: Engine,
        form: FormNetwork | None = None,
    ) -> None:
        self.config = config
        self.heads = dict(heads)
        self.final_size = final_size
        self.rotate = rotate
        self.form = form
        joined = _JoinedHeads(network, list(self.heads)).eval()
        self._network = engine.prepare(joined, "labeling", (1, 1, *final_size))
        self._batch_size = engine.batch_size or BATCH

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
        sizes = list(self.heads.values())
        logits = np.zeros((len(patches), sum(sizes)), np.float32)
        with torch.inference_mode():
            for start in range(0, len(patches), self._batch_size):
                part = slice(start, start + self._batch_size)
                batch = np.ascontiguousarray(patches[part], dtype=np.float32)
                logits[part] = self._network(torch.from_numpy(batch)[:, None]).cpu().numpy()
        split = torch.from_numpy(logits).split(sizes, dim=1)
        return {
            name: torch.softmax(head, dim=1).numpy()
            for name, head in zip(self.heads, split, strict=True)
        }


class FormNetwork:
    """Names vertebrae by their parts and looks; see `core.vertebra_form`, `core.vertebra_look`."""

    def __init__(self, network: FormNet) -> None:
        self._network = network.eval()

    def predict(
        self, forms: NDArray[np.float64], looks: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float32]]:
        """Softmax of every head for the vertebrae of one scan, from top to bottom.

        Parameters
        ----------
        forms
            Shape (vertebrae, measures).
        looks
            Shape (vertebrae, planes, depth, height).

        Returns
        -------
        dict
            Head name to an array of shape (vertebrae, classes).
        """
        with torch.inference_mode():
            logits = self._network(
                torch.from_numpy(forms).float()[None], torch.from_numpy(looks).float()[None]
            )
        return {name: torch.softmax(head[0], dim=1).numpy() for name, head in logits.items()}


class _JoinedHeads(nn.Module):
    """The logits of all heads in one tensor, as engines want it."""

    def __init__(self, network: VertebraClassifier, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, x: Tensor) -> Tensor:
        logits = self.network(x)
        return torch.cat([logits[name] for name in self.names], dim=1)


def load_labeling(
    package: ModelPackage,
    device: str = "cpu",
    num_threads: int | None = None,
    engine: EngineSettings | None = None,
) -> LabelingNetwork:
    """Load a labelling package; `engine` computes it, torch in float32 when None.

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
        state = weights_in(checkpoint, "state_dict", path)
    except (KeyError, TypeError, ValueError) as err:
        raise ModelError(
            f"The labelling checkpoint lacks {err}.",
            file=path,
            remedy="Use a checkpoint in the layout of the released VERIDAH models.",
        ) from err
    network = build_classifier(state, str(path))
    rotate = ROTATED_DATA in str(options.get("ds_name", ""))
    return LabelingNetwork(
        package.config,
        network,
        heads,
        (sizes[0], sizes[1], sizes[2]),
        rotate,
        make_engine(engine, device, package.digest),
        _load_form(package.folder / FORM_FILE),
    )


def _load_form(path: Path) -> FormNetwork | None:
    """Network of the forms, which only our own packages have."""
    if not path.is_file():
        return None
    state = weights_in(load_checkpoint(path), "state_dict", path)
    return FormNetwork(build_form_net(state, str(path)))


def _as_dict(options: Any) -> dict[str, Any]:
    """Attributes of a training-argument object, or the dictionary itself."""
    return dict(options) if isinstance(options, dict) else dict(vars(options))
