"""Segmentation of a sagittal volume: named vertebral bodies and discs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..core.anatomy import CORPUS_BORDER
from ..core.anatomy import DISC as CORE_DISC
from ..core.files import file_digest
from ..core.vertebra_form import forms_without_border_distance
from ..core.vertebra_look import vertebra_looks
from ..core.volume import Volume
from ..errors import ModelError, SpinepsError
from ..models.engine_choice import choose_engine
from ..models.finding import find_package, form_beside
from ..models.onnx_network import OnnxNetwork, batches, cuda_index
from ..models.systems import SPINE_SEGMENTATION
from ..settings import AUTO_ENGINE, EngineSettings
from .models import CLASSES, Role
from .names import NAME_OF, names_by_neighbours, original_names
from .naming import FormJudge, name_spine
from .results import SegmentationResult, read_result, write_result
from .sequence import NamedVertebra
from .settings import SpineSegmentationSettings
from .slices import Slices, height_with_margin, prepare_slices, view_as_pir, with_neighbours
from .strays import remove_strays
from .upstream import upstream

logger = logging.getLogger(__name__)

RAS: Final = ("R", "A", "S")


class SliceNetwork(Protocol):
    """Network that scores every pixel of slices."""

    def predict(self, items: NDArray[np.float32]) -> NDArray[np.float32]:
        """From (slices, 3, 320, 896) to scores (slices, classes, 320, 896)."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """Masks of a reader that stand for those of the networks.

    Parameters
    ----------
    semantic
        0 background, 1 vertebral body, 2 disc; instances are found in it.
    instances
        Ids of vertebrae and discs.
    """

    semantic: NDArray[Any] | None = None
    instances: NDArray[Any] | None = None


NOTHING_CORRECTED: Final = Corrected()


class SegmentationInference:
    """Segmentation with two networks, which are loaded when they are first needed.

    Parameters
    ----------
    segmentation_device, instance_segmentation_device
        ``CPU``, ``GPU``, a CUDA number, or words of torch.
    output_same_shape_as_input
        Return results on the grid of the input instead of slices of 320 x 896 pixels.
    semantic_model, instance_model
        ONNX file, or an object with `predict`; by default the network that the user has downloaded
        to the folder of the original, else the compact one.
    form_model
        ONNX file of the network that names bodies by form and look; by default the one beside the
        instance model, if there is one.
    settings
        All other options; `output_same_shape_as_input` holds if it is set here or above.
    num_threads
        Processor threads; 0 leaves the choice to the program that computes the networks.
    engine
        ``openvino``, or ``torch`` for onnxruntime; ``auto`` is OpenVINO where it is installed and
        networks run on the processor.
    """

    def __init__(
        self,
        segmentation_device: str | int = "CPU",
        instance_segmentation_device: str | int = "CPU",
        *,
        output_same_shape_as_input: bool = False,
        semantic_model: str | Path | SliceNetwork | None = None,
        instance_model: str | Path | SliceNetwork | None = None,
        form_model: str | Path | None = None,
        settings: SpineSegmentationSettings | None = None,
        num_threads: int = 0,
        engine: EngineSettings = AUTO_ENGINE,
    ) -> None:
        chosen = settings or SpineSegmentationSettings()
        same = output_same_shape_as_input or chosen.output_same_shape_as_input
        self.settings = replace(chosen, output_same_shape_as_input=same)
        self._devices: dict[Role, str | int] = {
            "semantic": segmentation_device,
            "instance": instance_segmentation_device,
        }
        self._given: dict[Role, str | Path | SliceNetwork | None] = {
            "semantic": semantic_model,
            "instance": instance_model,
        }
        self._given_form = None if form_model is None else Path(form_model)
        self._form_network: OnnxNetwork | None = None
        self._loaded: dict[Role, SliceNetwork] = {}
        self._threads, self._engine = num_threads, engine

    def segment(
        self,
        volume: NDArray[Any],
        *,
        only_2class_segmentation: bool = False,
        cache_dir: str | Path | None = "auto",
        spacing: Sequence[float] | None = None,
        corrected: Corrected = NOTHING_CORRECTED,
    ) -> SegmentationResult:
        """Segment one volume.

        Parameters
        ----------
        volume
            Axes sagittal slice, posterior to anterior, inferior to superior: the array of an
            image in RAS orientation.
        only_2class_segmentation
            Stop after vertebra and disc.
        cache_dir
            Folder in which results are cached by input, networks, settings and version of this
            package; ``auto`` and None cache nothing.
        spacing
            Voxel size in mm along the axes; without it slices are not resampled.
        corrected
            Masks of a reader on the grid of the volume; with one of them nothing is kept.

        Raises
        ------
        InputError
            If the volume cannot be used.
        EmptyResultError
            If instances are asked for and no vertebra is found.
        ModelError
            If a network is missing or does not fit.
        """
        two_class = only_2class_segmentation or self.settings.only_2class
        kept = None
        if corrected is NOTHING_CORRECTED:
            kept = self._cache_file(volume, two_class, cache_dir, spacing)
        known = None if kept is None else read_result(kept)
        if known is not None:
            return known
        result = self._segment(volume, two_class, spacing, corrected)
        if kept is not None:
            write_result(result, kept)
        return result

    def _segment(
        self,
        volume: NDArray[Any],
        two_class: bool,
        spacing: Sequence[float] | None,
        corrected: Corrected,
    ) -> SegmentationResult:
        settings = self.settings
        numerics = settings.numerics
        slices = prepare_slices(volume, settings.slices, spacing=spacing, numerics=numerics)
        rules = upstream(numerics)
        # Whatever the networks see in the padding is wrong; the original keeps it.
        shown = np.s_[:, :, :] if rules.padding_believed else slices.shown
        if corrected.semantic is not None:
            semantic = slices.from_input(corrected.semantic)
        else:
            semantic = self._classes("semantic", slices.data, shown)
            if not rules.strays_kept:
                semantic[shown] = remove_strays(semantic[shown])
        labels = None
        table: list[NamedVertebra] = []
        names = original_names()
        if not two_class and corrected.instances is None:
            classes = self._classes("instance", slices.data, shown)
            named = name_spine(
                semantic[shown],
                classes[shown],
                settings.naming,
                form=self._form(slices),
                numerics=numerics,
            )
            labels = np.zeros(semantic.shape, named.labels.dtype)
            labels[shown] = named.labels
            names, table = named.id_to_label, named.vertebrae
        if settings.output_same_shape_as_input:
            semantic = slices.to_input(semantic, numerics=numerics)
            labels = None if labels is None else slices.to_input(labels, numerics=numerics)
        if corrected.semantic is not None:
            semantic = corrected.semantic  # as the reader left it, not back from the slices
        if not two_class and corrected.instances is not None:
            labels = corrected.instances.astype(np.int16)
            names = names_by_neighbours(n for n in np.unique(labels).tolist() if n in NAME_OF)
        return SegmentationResult(semantic, labels, names, table)

    def _classes(
        self, role: Role, data: NDArray[np.float32], shown: tuple[slice, slice, slice]
    ) -> NDArray[np.uint8]:
        """Likeliest class of every pixel in a box, 0 elsewhere; computed in batches of slices."""
        network = self._network(role)
        out = np.zeros(data.shape, dtype=np.uint8)
        if getattr(network, "free_height", False):
            top = shown[2].indices(data.shape[2])[1]
            data = data[..., : height_with_margin(top, data.shape[2])]
        items = with_neighbours(data)
        for part in batches(len(items), self.settings.slices.slice_batch):
            scores = network.predict(np.ascontiguousarray(items[part]))
            expected = (part.stop - part.start, CLASSES[role], *data.shape[1:])
            if scores.shape != expected:
                raise ModelError(
                    f"The {role} network returned the shape {scores.shape}, not {expected}.",
                    remedy="Give a network of spine-segmentation for this role.",
                )
            out[part][shown] = scores[:, :, *shown[1:]].argmax(axis=1)
        return out

    def _form(self, slices: Slices) -> FormJudge | None:
        """Judge of names by form and look; None without its network or without a voxel size."""
        path, spacing = self._form_path(), slices.spacing
        if path is None or spacing is None or upstream(self.settings.numerics).shift_only:
            return None
        steps = (*spacing[1:], spacing[0])
        image = view_as_pir(slices.data[slices.shown])
        if self._form_network is None:
            self._form_network = OnnxNetwork(path, self._devices["instance"], self._threads)
        network = self._form_network

        def judge(bodies: NDArray[Any], discs: NDArray[np.bool_]) -> NDArray[Any]:
            vert, disc = view_as_pir(bodies), view_as_pir(discs)
            spine = np.where(vert > 0, CORPUS_BORDER, np.where(disc, CORE_DISC, 0))
            numbers = range(1, int(bodies.max()) + 1)
            forms = forms_without_border_distance(spine, vert, numbers, steps).astype(np.float32)
            looks = vertebra_looks(image, vert, numbers, steps)
            return np.asarray(network.predict(forms[None], looks[None])[0])

        return judge

    def _form_path(self) -> Path | None:
        instance = self._path("instance")
        if self._given_form is not None or instance is None:
            return self._given_form
        form = form_beside(instance)
        return None if form is None else form.file

    def _path(self, role: Role) -> Path | None:
        """File of a network, None if an object was given in its place."""
        if self._given[role] is None:
            self._given[role] = find_package(SPINE_SEGMENTATION, role).file
        given = self._given[role]
        return Path(given) if isinstance(given, str | Path) else None

    def _network(self, role: Role) -> SliceNetwork:
        if role not in self._loaded:
            path = self._path(role)
            self._loaded[role] = (
                cast(SliceNetwork, self._given[role]) if path is None else self._load(role, path)
            )
        return self._loaded[role]

    def _load(self, role: Role, path: Path) -> SliceNetwork:
        """Network of a file, computed by what is asked for."""
        device = self._devices[role]
        index = cuda_index(device)
        chosen = choose_engine(self._engine, "cpu" if index is None else f"cuda:{index}")
        if chosen.engine != "openvino":
            return OnnxNetwork(path, device, self._threads)
        from ..models.openvino_onnx import OpenVinoSliceNetwork

        return OpenVinoSliceNetwork(path, precision=chosen.precision, num_threads=self._threads)

    def _cache_file(
        self,
        volume: NDArray[Any],
        two_class: bool,
        folder: str | Path | None,
        spacing: Sequence[float] | None,
    ) -> Path | None:
        """File that caches the result, named after all it depends on; None to cache nothing."""
        if folder is None or folder == "auto":
            return None
        roles: tuple[Role, ...] = ("semantic",) if two_class else ("semantic", "instance")
        parts = [
            repr((__version__, self.settings, self._engine, two_class, spacing and tuple(spacing)))
        ]
        for role in roles:
            path = self._path(role)
            if path is None:
                return None
            parts.append(file_digest(path))
        form = None if two_class else self._form_path()
        if form is not None:
            parts.append(file_digest(form))
        data = np.ascontiguousarray(volume)
        parts.append(f"{data.shape} {data.dtype}")
        key = hashlib.sha256("\n".join(parts).encode() + data.tobytes()).hexdigest()
        return Path(folder) / f"{key}.npz"


def segment_image(
    image: Volume,
    inference: SegmentationInference,
    *,
    only_2class_segmentation: bool = False,
    semantic: Volume | None = None,
    instances: Volume | None = None,
) -> tuple[Volume, Volume | None, SegmentationResult]:
    """Segment an image in any orientation; masks are returned on its grid.

    Parameters
    ----------
    image
        3-D image; slices are resampled according to its voxel size.
    inference
        Must have been made with ``output_same_shape_as_input``.
    semantic, instances
        Masks of a reader on the grid of the image, which come back as they are.

    Returns
    -------
    semantic
        0 background, 1 vertebral body, 2 disc.
    instances
        Ids, or None when only two classes were asked for.
    result
        The arrays in RAS orientation, and the names.
    """
    if not inference.settings.output_same_shape_as_input:
        raise SpinepsError(
            "Masks are on the grid of the image only with output_same_shape_as_input."
        )
    turned = image.reorient(RAS)
    given = (None if mask is None else mask.reorient(RAS) for mask in (semantic, instances))
    corrected = [None if mask is None else mask.get_array() for mask in given]
    result = inference.segment(
        turned.get_array(),
        only_2class_segmentation=only_2class_segmentation,
        spacing=turned.zoom,
        corrected=Corrected(*corrected) if semantic or instances else NOTHING_CORRECTED,
    )
    classes = turned.set_array(result.semantic_segmentation, seg=True)
    labels = result.instance_segmentation
    named = None if labels is None else turned.set_array(labels.astype(np.uint8), seg=True)
    back = image.orientation
    return classes.reorient(back), None if named is None else named.reorient(back), result
