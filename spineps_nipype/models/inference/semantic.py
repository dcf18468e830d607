"""Semantic nnU-Net: from an image on the model grid to labels.

Source: SPINEPS 2.1.3 and nnU-Net v2 (network input, tiles, folds, export). Arrays of the network
are the reversed axes of the image: (P, I, R) becomes (R, I, P).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spineps_nipype.core.components import bounding_box
from spineps_nipype.errors import ModelError
from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.networks.instance_unet import load_strictly
from spineps_nipype.models.networks.semantic_unet import build_semantic_unet
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.models.package_files import read_package_json
from spineps_nipype.models.plans import blamed_on
from spineps_nipype.models.protocols import Progress, SemanticPrediction
from spineps_nipype.models.safe_load import load_checkpoint, weights_in
from spineps_nipype.models.values import listed, whole
from spineps_nipype.settings import EngineSettings

from ...core.volume import Volume
from .engines import Engine, Runner, make_engine
from .nnunet_plan import Plan, plan_of
from .normalization import normalize
from .resampling import resample_input, resample_logits, way_back
from .sliding_window import sliding_window_logits
from .tile_plan import TilePlan, fitting_patch, tiles_everywhere, tiles_near, tiles_on

CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
CERTAIN = 20.0
"""Logit of a class that is certain."""


class SemanticNetwork:
    """A loaded semantic package; see `SemanticModel` for its use."""

    def __init__(
        self,
        config: ModelConfig,
        plan: Plan,
        network: nn.Module,
        folds: Sequence[Mapping[str, Tensor]],
        mirror_axes: Sequence[int],
        engine: Engine,
        source: str,
    ) -> None:
        self.config = config
        self.plan = plan
        self._network = network
        self._folds = folds
        self._mirror_axes = tuple(mirror_axes)
        self._engine = engine
        self._source = source
        self._loaded: tuple[int, Runner] | None = None

    @property
    def class_labels(self) -> tuple[int, ...]:
        """SPINEPS label of every network class; class 0 is background."""
        count = self.plan.classes + (self.plan.regions is not None)
        return (0, *(self.config.labels.get(c, c) for c in range(1, count)))

    def predict(
        self,
        image: Volume | Sequence[Volume],
        *,
        step_size: float | None = None,
        tta: bool | None = None,
        probabilities: bool = False,
        groups: Sequence[Collection[int]] = (),
        region: Volume | None = None,
        half_precision: bool = False,
        own_keys: bool = True,
        progress: Progress | None = None,
    ) -> SemanticPrediction:
        """Label an image that lies on the model grid.

        Parameters
        ----------
        image
            In model orientation and spacing; a list for models with several channels.
        step_size
            Distance of tiles as a fraction of the tile; default of the package when None.
        tta
            Mirroring; default of the package when None.
        probabilities
            Whether to return class probabilities.
        groups
            Labels whose summed probability is returned, without the memory of all classes.
        region
            Mask on the grid of the image; only tiles near it are computed, or, where the package
            names a `spine_tile`, tiles on its box. What none of them reaches is background.
        half_precision
            Input, weights and sums of tiles are float16 instead of float32, as nnU-Net has them.
        own_keys
            Whether tiles are cut to small images, filled with the darkest value, or lie on the box
            of the region, where the package asks for that.

        Returns
        -------
        SemanticPrediction
            On the grid of the image.
        """
        images = list(image) if isinstance(image, Sequence) else [image]
        volume, box, full, resampled = self._network_input(images, half_precision)
        mirror = self._mirror_axes if (self.config.mirroring if tta is None else tta) else ()
        plan = self._tiles(
            volume.shape[1:],
            None if region is None else self._to_network(region, box, volume.shape[1:]),
            step_size,
            own_keys,
        )
        logits, mean = None, None
        for fold in range(len(self._folds)):
            part = sliding_window_logits(
                self._use_fold(fold),
                volume,
                classes=self.plan.classes,
                plan=plan,
                mirror_axes=mirror,
                dark_padding=own_keys and self.config.border_mm > 0,
                outside=self._background(),
                half_precision=half_precision,
                progress=_shifted(progress, fold, len(self._folds)),
            )
            if probabilities:
                soft = self._activate(part.float())
                mean = soft if mean is None else mean + soft
            logits = part if logits is None else logits + part
        assert logits is not None
        logits /= len(self._folds)
        if region is None and resampled is not None:
            logits = resample_logits(logits, resampled)
            mean = None if mean is None else resample_logits(mean, resampled)
            back = way_back([slice(0, n) for n in resampled], resampled, resampled)
        else:
            back = way_back(plan.window, volume.shape[1:], resampled or volume.shape[1:])
        where = tuple(
            slice(b.start + w.start, b.start + w.stop)
            for b, w in zip(box, back.window, strict=True)
        )
        members, decided = self._members(groups), []
        # what is outside the window stays untouched, and costs no memory
        shares = np.zeros((len(groups), *full), np.float32)
        for z, part in enumerate(back.slices(logits), start=where[0].start):
            decided.append(self._decide(part))
            if members is not None:
                soft = torch.softmax(part.float(), 0).flatten(1)
                shares[:, z, where[1], where[2]] = (members @ soft).view(-1, *part.shape[1:])
        labels = self._to_grid(np.stack(decided)[None], where, full)[0]
        soft_map = None
        if mean is not None:
            soft_map = self._to_grid((back.whole(mean) / len(self._folds)).numpy(), where, full)
            soft_map[0] = np.clip(1 - soft_map[1:].sum(axis=0), 0, 1)
        table = np.array(self.class_labels, dtype=np.uint16)
        result = images[0].set_array(table[labels], seg=True)
        told = None if members is None else self._turned_back(shares)
        return SemanticPrediction(result, soft_map, self.class_labels, told)

    def _tiles(
        self, shape: Sequence[int], region: Tensor | None, asked: float | None, own_keys: bool
    ) -> TilePlan:
        """Tiles on the network input, see `predict`; `asked` is the step that the user wants."""
        patch, strides, config = self.plan.patch, self.plan.strides, self.config
        step = asked or config.step_size
        if region is not None and config.spine_tile is not None and own_keys:
            return tiles_on(region, config.spine_tile, strides, asked or config.spine_step or step)
        if config.shrink_tile and own_keys:
            patch = fitting_patch(patch, shape, strides)
        if region is not None:
            return tiles_near(region, patch, step)
        return tiles_everywhere(shape, patch, step)

    def _network_input(
        self, images: Sequence[Volume], half_precision: bool
    ) -> tuple[Tensor, tuple[slice, ...], tuple[int, ...], tuple[int, ...] | None]:
        """Normalised channels in network axes, their crop box, and the shape before resampling."""
        channels = np.stack([np.asarray(i.get_array(), dtype=np.float32).T for i in images])
        if half_precision:
            channels = channels.astype(np.float16).astype(np.float32)
        channels = channels.transpose((0, *(axis + 1 for axis in self.plan.forward)))
        spacing = np.array(images[0].zoom[::-1])[list(self.plan.forward)]
        full = channels.shape[1:]
        used = (channels != 0).any(axis=0)
        box: tuple[slice, ...] = (
            bounding_box(used) if used.any() else tuple(slice(0, n) for n in full)
        )
        schemes = self.plan.configuration["normalization_schemes"]
        by_mask = self.plan.configuration.get("use_mask_for_norm", [False] * len(schemes))
        if len(schemes) != len(images):
            raise ModelError(
                f"The model takes {len(schemes)} channels, {len(images)} were given.",
                file=self._source,
            )
        normal = [
            normalize(
                channel[box],
                scheme,
                self.plan.properties.get(str(i), {}),
                used[box] if masked else None,
            )
            for i, (channel, scheme, masked) in enumerate(
                zip(channels, schemes, by_mask, strict=True)
            )
        ]
        data = np.stack(normal)
        if half_precision:
            data = data.astype(np.float16)
        before = data.shape[1:]
        data, changed = resample_input(data, spacing, self.plan.configuration)
        return torch.from_numpy(np.ascontiguousarray(data)), box, full, before if changed else None

    def _to_network(self, mask: Volume, box: tuple[slice, ...], shape: Sequence[int]) -> Tensor:
        """Mask in the axes, the crop and the spacing of the network input."""
        array = (mask.get_array().T > 0).transpose(self.plan.forward)[box]
        grid = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        if grid.shape != tuple(shape):
            grid = torch.nn.functional.interpolate(grid[None, None], size=tuple(shape))[0, 0]
        return grid > 0

    def _background(self) -> Tensor:
        """Logits that mean background."""
        logits = torch.full((self.plan.classes,), -CERTAIN)
        if self.plan.regions is None:
            logits[0] = CERTAIN
        return logits

    def _use_fold(self, fold: int) -> Runner:
        if self._loaded is None or self._loaded[0] != fold:
            load_strictly(self._network, self._folds[fold], self._source)
            small = (self.plan.channels, *(2 * s for s in self.plan.strides))
            runner = self._engine.prepare(self._network, f"fold{fold}", (1, *small))
            self._loaded = fold, runner
        return self._loaded[1]

    def _activate(self, logits: Tensor) -> Tensor:
        """Class probabilities; for region training, those of the regions behind a class 0."""
        if self.plan.regions is None:
            return torch.softmax(logits, dim=0)
        return torch.cat([torch.zeros_like(logits[:1]), torch.sigmoid(logits)])

    def _members(self, groups: Sequence[Collection[int]]) -> Tensor | None:
        """Which classes are in each group of labels, (groups, classes); None for no answer."""
        if not groups or self.plan.regions is not None:
            return None
        rows = [[float(label in group) for label in self.class_labels] for group in groups]
        return torch.tensor(rows)

    def _decide(self, logits: Tensor) -> NDArray[np.uint8]:
        if self.plan.regions is None:
            chosen: NDArray[np.intp] = logits.numpy().argmax(axis=0)
            return chosen.astype(np.uint8)
        out = np.zeros(logits.shape[1:], dtype=np.uint8)
        for channel, value in enumerate(self.plan.regions):
            out[(logits[channel] > 0).numpy()] = value
        return out

    def _to_grid(
        self, cropped: NDArray[Any], box: tuple[slice, ...], full: tuple[int, ...]
    ) -> NDArray[Any]:
        """Undo crop, permutation and reversal of axes; outside the crop stands 0."""
        out = np.zeros((cropped.shape[0], *full), dtype=cropped.dtype)
        out[(slice(None), *box)] = cropped
        return np.ascontiguousarray(self._turned_back(out))

    def _turned_back(self, array: NDArray[Any]) -> NDArray[Any]:
        """View of (channels, axes of the network) with the axes of the image."""
        turned = array.transpose((0, *(axis + 1 for axis in self.plan.backward)))
        return turned.transpose((0, 3, 2, 1))


def load_semantic(
    package: ModelPackage,
    device: str = "cpu",
    num_threads: int | None = None,
    checkpoints: Sequence[str] = CHECKPOINTS,
    engine: EngineSettings | None = None,
) -> SemanticNetwork:
    """Load a semantic package: all folds, strictly.

    Parameters
    ----------
    package
        nnU-Net result folder with plans, dataset and folds.
    device
        torch device.
    num_threads
        Threads of torch in this process; unchanged when None.
    checkpoints
        File names of checkpoints, the preferred one first.
    engine
        What computes the network; torch in float32 when None.

    Raises
    ------
    ModelError
        If a file is missing, damaged or does not fit.
    ResourceError
        If the engine is not installed.
    """
    if num_threads:
        torch.set_num_threads(num_threads)
    plans_file = package.weights / "plans.json"
    plans, dataset = (
        read_package_json(plans_file),
        read_package_json(package.weights / "dataset.json"),
    )
    loaded = [load_checkpoint(path) for path in _fold_files(package, checkpoints)]
    first = loaded[0]
    try:
        name = first["init_args"]["configuration"]
        with blamed_on(plans_file):
            plan = plan_of(plans, dataset, name)
        weights = [weights_in(c, "network_weights", package.weights) for c in loaded]
    except (KeyError, TypeError) as err:
        raise ModelError(
            f"The semantic package is incomplete: {err} is missing.",
            file=package.folder,
            remedy="Install the package again.",
        ) from err
    network = build_semantic_unet(plan.configuration, plan.channels, plan.classes, str(plans_file))
    model = SemanticNetwork(
        package.config,
        plan,
        network,
        weights,
        _mirror_axes(first, plans_file),
        make_engine(engine, device, package.digest),
        str(package.folder),
    )
    model._use_fold(0)
    return model


def _mirror_axes(checkpoint: Mapping[str, Any], source: Path) -> tuple[int, ...]:
    """Axes that may be mirrored, as the checkpoint says."""
    key = "inference_allowed_mirroring_axes"
    with blamed_on(source):
        return listed(checkpoint.get(key) or (), key, lambda v, name: whole(v, name, 0, 2))


def _fold_files(package: ModelPackage, checkpoints: Sequence[str]) -> list[Path]:
    """Checkpoints of the folds, the preferred kind first, else the fold ``all``."""
    folder = package.weights
    for name in checkpoints:
        files = [folder / f"fold_{fold}" / name for fold in package.config.folds]
        if files and all(f.is_file() for f in files):
            return files
    for name in checkpoints:
        whole = folder / "fold_all" / name
        if whole.is_file():
            return [whole]
    if (folder / "plans.pkl").is_file():
        raise ModelError(
            "The package was made with nnU-Net version 1, which is not supported.",
            file=folder,
            remedy="Use a package of nnU-Net version 2.",
        )
    wanted = ", ".join(f"fold_{f}" for f in package.config.folds)
    raise ModelError(
        f"The semantic package lacks the weights of its folds ({wanted}).",
        file=folder,
        remedy="Each fold folder needs checkpoint_final.pth; install the package again.",
    )


def _shifted(progress: Progress | None, fold: int, folds: int) -> Progress | None:
    """Progress over all folds from the progress of one."""
    if progress is None:
        return None

    def report(done: int, tiles: int) -> None:
        progress(fold * tiles + done, folds * tiles)

    return report
