"""Shell of spine-segmentation."""

from __future__ import annotations

from typing import Any

from nipype.interfaces.base import File, SimpleInterface, Str, TraitedSpec, isdefined, traits

from ..core.files import write_text
from ..core.images import load_image, load_mask, save_nii
from ..core.labels import system_labels
from ..core.lookup_tables import bids_table
from ..core.tables import write_table
from ..settings import EngineSettings
from ..spine_segmentation.inference import SegmentationInference, segment_image
from ..spine_segmentation.name_table import LABEL_COLUMNS, name_rows
from ..spine_segmentation.settings import (
    NamingSettings,
    SliceSettings,
    SpineSegmentationSettings,
)
from .node_files import node_file
from .settings_traits import option_trait, read_settings, settings_spec


class _InputSpec(
    settings_spec(SliceSettings, NamingSettings, EngineSettings)  # type: ignore[misc]
):
    in_file = File(exists=True, mandatory=True, desc="3-D image in any orientation")
    semantic_model = File(exists=True, mandatory=True, desc="ONNX network of the two classes")
    instance_model = File(exists=True, desc="ONNX network of the names")
    form_model = File(exists=True, desc="ONNX network that names bodies by form and look")
    corrected_semantic = File(exists=True, desc="mask of the two classes of a reader")
    corrected_instances = File(exists=True, desc="ids of a reader")
    only_2class = option_trait(SpineSegmentationSettings, "only_2class")
    numerics = option_trait(SpineSegmentationSettings, "numerics")
    device = Str("cpu", usedefault=True, nohash=True, desc="device: cpu, gpu, or a CUDA number")
    num_threads = traits.Int(1, usedefault=True, nohash=True, desc="processor threads")
    use_gpu = traits.Bool(
        False, usedefault=True, nohash=True, desc="count this node against the free GPUs"
    )


class _OutputSpec(TraitedSpec):
    semantic = File(exists=True, desc="1 vertebral body, 2 disc, on the grid of the image")
    instances = File(exists=True, desc="ids of vertebral bodies and discs")
    names = File(exists=True, desc="table of ids and names")
    vertebrae = File(exists=True, desc="table of vertebrae: name, probability, margin")


class SpineSegmentation(SimpleInterface):
    """Segment and name vertebral bodies and discs slice by slice."""

    input_spec = _InputSpec
    output_spec = _OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        settings = SpineSegmentationSettings(
            slices=read_settings(inputs, SliceSettings),
            naming=read_settings(inputs, NamingSettings),
            only_2class=inputs.only_2class,
            output_same_shape_as_input=True,
            numerics=inputs.numerics,
        )
        inference = SegmentationInference(
            inputs.device,
            inputs.device,
            semantic_model=inputs.semantic_model,
            instance_model=inputs.instance_model if isdefined(inputs.instance_model) else None,
            form_model=inputs.form_model if isdefined(inputs.form_model) else None,
            settings=settings,
            num_threads=inputs.num_threads,
            engine=read_settings(inputs, EngineSettings),
        )
        given = (inputs.corrected_semantic, inputs.corrected_instances)
        masks = [load_mask(path) if isdefined(path) else None for path in given]
        semantic, instances, result = segment_image(
            load_image(inputs.in_file), inference, semantic=masks[0], instances=masks[1]
        )
        path = node_file(runtime, "semantic.nii.gz")
        self._results["semantic"] = str(save_nii(semantic, path, like=inputs.in_file))
        if instances is not None:
            path = node_file(runtime, "instances.nii.gz")
            self._results["instances"] = str(save_nii(instances, path, like=inputs.in_file))
            found = {n: name for n, name in result.id_to_label.items() if n}
            path = node_file(runtime, "names.tsv")
            write_text(path, bids_table(system_labels("spine_segmentation", found)))
            self._results["names"] = str(path)
            path = node_file(runtime, "vertebrae.tsv")
            write_table(name_rows(result.vertebrae), path, tuple(LABEL_COLUMNS))
            self._results["vertebrae"] = str(path)
        return runtime
