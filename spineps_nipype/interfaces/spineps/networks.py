"""Interfaces of the phases that run a network on the whole spine: semantic and instance masks."""

from __future__ import annotations

from typing import Any

from nipype.interfaces.base import (
    File,
    OutputMultiObject,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from ...core.images import load_mask, save_nii
from ...core.tables import write_table
from ...models.spineps_packages import scout_package
from ...settings import EngineSettings
from ...spineps.evidence import COLUMNS as EVIDENCE_COLUMNS
from ...spineps.instance import segment_instances
from ...spineps.probabilities import save_probability_image, save_softmax
from ...spineps.semantic import segment_semantic
from ...spineps.settings import InstanceSettings, SemanticSettings
from ...spineps.tile_choice import chosen_tiles
from ..networks import (
    ModelInputSpec,
    ScoutInputSpec,
    loaded_scout,
    required_package,
    torch_resources,
)
from ..node_files import node_file
from ..settings_traits import numerics_trait, read_settings, settings_spec
from .common import checked_image
from .debug import save_steps


class _SemanticInputSpec(
    ModelInputSpec,
    ScoutInputSpec,
    settings_spec(SemanticSettings, EngineSettings),  # type: ignore[misc]
):
    in_file = File(exists=True, mandatory=True, desc="the pre-processed image")
    numerics = numerics_trait()
    save_softmax = traits.Bool(False, usedefault=True, desc="write class probabilities (npz)")
    save_probseg = traits.Bool(False, usedefault=True, desc="write class probabilities (NIfTI)")
    save_uncertainty = traits.Bool(False, usedefault=True, desc="write the normalised entropy")


class _SemanticOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="raw semantic mask on the grid of the model")
    evidence = File(exists=True, desc="what the network and the form say of the mask (TSV)")
    softmax = File(exists=True, desc="class probabilities (npz)")
    probseg = File(exists=True, desc="class probabilities (4-D NIfTI, class last)")
    uncertainty = File(exists=True, desc="normalised entropy of the probabilities, 0 to 1")


class SemanticSegmentation(SimpleInterface):
    """Label the tissue of every voxel with the semantic network, and clean up the mask.

    Where no package is given whose network finds the spine, it is ours.
    """

    input_spec = _SemanticInputSpec
    output_spec = _SemanticOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from ...models.inference.semantic import load_semantic

        inputs = self.inputs
        settings = read_settings(inputs, SemanticSettings)
        engine = read_settings(inputs, EngineSettings)
        scout = None
        with torch_resources(inputs):
            if chosen_tiles(settings.tiles, inputs.numerics) == "spine":
                scout = loaded_scout(inputs, default=scout_package)
            result = segment_semantic(
                checked_image(inputs),
                load_semantic(
                    required_package(inputs),
                    device=inputs.device,
                    engine=engine,
                ),
                settings,
                scout=scout,
                numerics=inputs.numerics,
                probabilities=(
                    inputs.save_softmax or inputs.save_probseg or inputs.save_uncertainty
                ),
            )
        out_file = node_file(runtime, "spine_raw.nii.gz")
        save_nii(result.mask, out_file, like=inputs.in_file)
        self._results["out_file"] = str(out_file)
        evidence = node_file(runtime, "evidence.tsv")
        write_table(result.evidence, evidence, list(EVIDENCE_COLUMNS))
        self._results["evidence"] = str(evidence)
        if inputs.save_softmax:
            assert result.probabilities is not None
            path = node_file(runtime, "softmax.npz")
            save_softmax(result.probabilities, result.class_labels, path)
            self._results["softmax"] = str(path)
        if inputs.save_probseg:
            assert result.probabilities is not None
            path = node_file(runtime, "probseg.nii.gz")
            save_probability_image(result.probabilities, result.mask, path, like=inputs.in_file)
            self._results["probseg"] = str(path)
        if inputs.save_uncertainty:
            assert result.uncertainty is not None
            path = node_file(runtime, "uncertainty.nii.gz")
            save_nii(result.uncertainty, path, like=inputs.in_file)
            self._results["uncertainty"] = str(path)
        return runtime


class _InstanceInputSpec(
    ModelInputSpec,
    settings_spec(InstanceSettings, EngineSettings),  # type: ignore[misc]
):
    in_file = File(exists=True, mandatory=True, desc="raw semantic mask")
    numerics = numerics_trait()
    save_debug_data = traits.Bool(False, usedefault=True, desc="write intermediate masks")


class _InstanceOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="raw vertebra mask, numbered in no particular order")
    debug = OutputMultiObject(File(exists=True), desc="intermediate masks, one file for each step")


class InstanceSegmentation(SimpleInterface):
    """Separate the vertebrae with a network that sees each body with its two neighbours."""

    input_spec = _InstanceInputSpec
    output_spec = _InstanceOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from ...models.inference.instance import load_instance

        inputs = self.inputs
        debug: dict[str, Any] | None = {} if inputs.save_debug_data else None
        with torch_resources(inputs):
            vertebrae = segment_instances(
                load_mask(inputs.in_file),
                load_instance(
                    required_package(inputs),
                    device=inputs.device,
                    engine=read_settings(inputs, EngineSettings),
                ),
                read_settings(inputs, InstanceSettings),
                numerics=inputs.numerics,
                debug=debug,
            )
        out_file = node_file(runtime, "vert_raw.nii.gz")
        save_nii(vertebrae, out_file, like=inputs.in_file)
        self._results["out_file"] = str(out_file)
        if debug:
            self._results["debug"] = [str(path) for path in save_steps(debug, runtime.cwd)]
        return runtime
