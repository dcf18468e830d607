"""The systems in memory, with networks that remember their answers.

Rules of one scan are tried many times, and the networks see the same inputs nearly each time. An
answer is kept by the bytes of its input, and forgotten with the scan.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from TPTBox import NII

from benchmarks.against_truth.scan import Result
from benchmarks.against_truth.systems import result_of_labels
from spineps_nipype.core.geometry import PIR, to_input_grid
from spineps_nipype.core.images import load_image
from spineps_nipype.dropin.models import SegmentationModel, VertLabelingClassifier
from spineps_nipype.dropin.pipeline import RunningScan
from spineps_nipype.models.finding import find_package, form_beside
from spineps_nipype.models.inference.semantic import load_semantic
from spineps_nipype.models.onnx_network import OnnxNetwork
from spineps_nipype.models.spine_region import find_spine
from spineps_nipype.models.spineps_packages import scout_package
from spineps_nipype.models.systems import SPINE_SEGMENTATION, SPINEPS, TOTALSPINESEG
from spineps_nipype.settings import AUTO_ENGINE
from spineps_nipype.spine_segmentation.inference import SegmentationInference, segment_image
from spineps_nipype.spine_segmentation.settings import SpineSegmentationSettings
from spineps_nipype.spineps.settings import PipelineSettings
from spineps_nipype.spineps.upstream import upstream
from spineps_nipype.totalspineseg.inference import load_step
from spineps_nipype.totalspineseg.native import Mode, to_grid
from spineps_nipype.totalspineseg.preparation import prepare_image
from spineps_nipype.totalspineseg.settings import RuleSettings
from spineps_nipype.totalspineseg.steps import run_step1, run_step2
from spineps_nipype.totalspineseg.upstream import upstream as totalspineseg

QUIET: Final = frozenset({"progress", "observe"})
"""Arguments that do not change an answer."""

Run = Callable[[Path, str], Result]
"""Result of a scan under numerics."""


class Remembering:
    """A network whose answers are kept by their inputs.

    Parameters
    ----------
    network
        Object with a method ``predict``; everything else of it is passed on.
    """

    def __init__(self, network: Any) -> None:
        self._network = network
        self._answers: dict[str, Any] = {}

    def predict(self, *inputs: Any, **options: Any) -> Any:
        """The answer of the network, computed once for each input."""
        told = {name: value for name, value in options.items() if name not in QUIET}
        digest = hashlib.sha256()
        _add(digest, (inputs, told))
        key = digest.hexdigest()
        if key not in self._answers:
            self._answers[key] = self._network.predict(*inputs, **options)
        return copy.deepcopy(self._answers[key])  # rules may write into it

    def forget(self) -> None:
        """Free the memory of all answers."""
        self._answers.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


def _add(digest: Any, value: Any) -> None:
    """Put a value, with what it holds, into a digest."""
    if isinstance(value, NII):
        _add(digest, (value.get_array(), np.asarray(value.affine)))
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.shape} {value.dtype} ".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        _add(digest, sorted(value.items()))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        digest.update(f"{len(value)} ".encode())
        for part in value:
            _add(digest, part)
    else:
        digest.update(repr(value).encode())


class _System:
    """A system with networks that remember."""

    _networks: Sequence[Remembering] = ()

    def forget(self) -> None:
        """Free the memory of a scan."""
        for network in self._networks:
            network.forget()


class Spineps(_System):
    """SPINEPS with the compact packages."""

    def __init__(self) -> None:
        self._models: dict[str, Any] = {
            kind: (VertLabelingClassifier if kind == "labeling" else SegmentationModel)(
                find_package(SPINEPS, kind, f"compact_{kind}"), use_cpu=True
            ).load()
            for kind in ("semantic", "instance", "labeling")
        }
        for model in self._models.values():
            model.predictor = Remembering(model.predictor)
        self._networks = [model.predictor for model in self._models.values()]

    def __call__(self, path: Path, numerics: str) -> Result:
        """Final masks on the grid of the scan, in P, I, R."""
        image = load_image(path, average_4d=True, integer_voxels=upstream(numerics).integer_voxels)
        settings = PipelineSettings(numerics=numerics)
        scan = RunningScan(image, path, self._models, settings)
        spine_raw = scan.spine_raw()
        spine, vert = scan.masks(spine_raw, scan.vert_raw(spine_raw))
        shown = load_image(path, average_4d=True).reorient(PIR)
        arrays = (to_input_grid(mask, shown).get_array() for mask in (spine, vert))
        return Result(*(np.asarray(array) for array in arrays))


class TotalSpineSeg(_System):
    """TotalSpineSeg with the compact packages."""

    def __init__(self) -> None:
        packages = (find_package(TOTALSPINESEG, kind) for kind in ("step1", "step2"))
        networks = [load_step(p, engine=AUTO_ENGINE) for p in packages]
        self._networks = [Remembering(n) for n in (*networks, load_semantic(scout_package()))]

    def __call__(self, path: Path, numerics: str) -> Result:
        """Label map of step 2 on the grid of the scan, in the labels of SPINEPS."""
        image = load_image(path, average_4d=True)
        prepared = prepare_image(image, numerics=numerics)
        rules = RuleSettings(numerics=numerics)
        switches = totalspineseg(numerics)
        step1, step2, scout = self._networks
        region = None if switches.tiles_everywhere else find_spine(prepared, scout)
        first = run_step1(prepared, step1, rules, region=region)
        second = run_step2(prepared, first.output, step2, rules, region=region)
        mode: Mode = "nearest" if switches.stepped_borders else "smooth"
        labels = to_grid(second.output, image.shape, image.affine, mode)
        return result_of_labels(TOTALSPINESEG, to_input_grid(labels, image.reorient(PIR)))


class SpineSegmentation(_System):
    """spine-segmentation with the compact networks."""

    def __init__(self) -> None:
        files = {r: find_package(SPINE_SEGMENTATION, r).file for r in ("semantic", "instance")}
        self._networks = [Remembering(OnnxNetwork(f, "CPU", 1)) for f in files.values()]
        form = form_beside(files["instance"])
        self._form = None if form is None else form.file

    def __call__(self, path: Path, numerics: str) -> Result:
        """Ids of bodies and discs on the grid of the scan, in the labels of SPINEPS."""
        inference = SegmentationInference(
            semantic_model=self._networks[0],
            instance_model=self._networks[1],
            form_model=self._form,
            settings=SpineSegmentationSettings(output_same_shape_as_input=True, numerics=numerics),
        )
        image = load_image(path, average_4d=True)
        instances = segment_image(image, inference)[1]
        assert instances is not None
        return result_of_labels(
            "spine-segmentation", to_input_grid(instances, image.reorient(PIR))
        )


SYSTEMS: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {SPINEPS: Spineps, TOTALSPINESEG: TotalSpineSeg, SPINE_SEGMENTATION: SpineSegmentation}
)
