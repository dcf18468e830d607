"""VERIDAH vertebra classifier: one backbone, one small head a question.

Source: checkpoint layout of the released VERIDAH models (SPINEPS 2.1.3).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from spineps_nipype.errors import ModelError

from .densenet import DenseNet, densenet_of
from .instance_unet import load_strictly
from .resnet import ResNet


class VertebraClassifier(nn.Module):
    """Logits by head for patches of shape (batch, 1, P, I, R).

    Parameters
    ----------
    net
        Backbone that gives `out_features` numbers a patch.
    heads
        Head name to number of classes.
    hidden
        Whether a head has a hidden layer of half the features.
    """

    def __init__(self, net: DenseNet | ResNet, heads: Mapping[str, int], hidden: bool) -> None:
        super().__init__()
        self.net = net
        features = net.out_features
        self.classification_heads = nn.ModuleDict()
        for name, classes in heads.items():
            layers: list[nn.Module] = (
                [
                    nn.Linear(features, features // 2),
                    nn.ReLU(),
                    nn.Linear(features // 2, classes),
                ]
                if hidden
                else [nn.Linear(features, classes)]
            )
            self.classification_heads[name] = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Logits of every head, each of shape (batch, classes)."""
        features = self.net(x)
        return {name: head(features) for name, head in self.classification_heads.items()}


def build_classifier(state: Mapping[str, Tensor], source: str) -> VertebraClassifier:
    """Classifier with the weights of a checkpoint, loaded strictly.

    Parameters
    ----------
    state
        `state_dict` with keys ``net.…`` and ``classification_heads.<HEAD>.…``. Half-precision
        weights are widened.
    source
        Name of the file, for messages.

    Raises
    ------
    ModelError
        If the weights are not those of a known classifier.
    """
    weights = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    backbone = {k.removeprefix("net."): v for k, v in weights.items() if k.startswith("net.")}
    heads: dict[str, int] = {}
    depths: set[int] = set()
    for key, value in weights.items():
        parts = key.split(".")
        if parts[0] == "classification_heads" and parts[-1] == "weight":
            if value.ndim != 2:
                raise ModelError(
                    "The labelling network has convolutional heads, which are not supported.",
                    file=source,
                    remedy="Use a checkpoint with linear heads, as the released ones have.",
                )
            heads[parts[1]] = int(value.shape[0])
            depths.add(int(parts[2]))
    try:
        if not heads:
            raise KeyError("classification_heads")
        net = densenet_of(backbone) if "features.conv0.weight" in backbone else ResNet(backbone)
    except KeyError as err:
        raise ModelError(
            f"The checkpoint is not a VERIDAH classifier (no {err}).",
            file=source,
            remedy="Install the labelling package again.",
        ) from err
    classifier = VertebraClassifier(net, heads, hidden=depths == {0, 2})
    load_strictly(classifier, weights, source)
    return classifier
