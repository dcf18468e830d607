"""Interfaces of the phases from raw to final masks: clean-up, names of vertebrae, discs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from ...core.images import load_mask, save_nii
from ...core.tables import write_table
from ...settings import EngineSettings
from ...spineps.discs import finalize_masks
from ...spineps.labeling import label_vertebrae
from ...spineps.postprocess import reconcile
from ...spineps.settings import LabelingSettings, PostSettings
from ..networks import ModelInputSpec, required_package, torch_resources
from ..node_files import node_file
from ..settings_traits import numerics_trait, read_settings, settings_spec
from .common import checked_image

Box = tuple[slice, slice, slice]


def box_to_list(box: Sequence[slice]) -> list[list[int]]:
    """Convert a box of slices to start and stop of each axis, which nodes can pass on."""
    return [[int(side.start), int(side.stop)] for side in box]


def list_to_box(sides: Sequence[Sequence[int]]) -> Box:
    """Convert start and stop of each axis to a box of slices."""
    first, second, third = (slice(start, stop) for start, stop in sides)
    return first, second, third


def _box_trait(**metadata: Any) -> Any:
    side = traits.List(traits.Int, minlen=2, maxlen=2)
    return traits.List(side, minlen=3, maxlen=3, **metadata)


class _PostProcessInputSpec(settings_spec(PostSettings)):  # type: ignore[misc]
    in_file = File(exists=True, mandatory=True, desc="the checked image, which defines the grid")
    spine_raw = File(exists=True, mandatory=True, desc="raw semantic mask")
    vert_raw = File(exists=True, mandatory=True, desc="raw vertebra mask")
    has_c1 = traits.Bool(False, usedefault=True, desc="the semantic model knows C1 and the dens")
    is_ct = traits.Bool(False, usedefault=True, desc="the semantic model is a CT model")
    numerics = numerics_trait()


class _PostProcessOutputSpec(TraitedSpec):
    spine = File(exists=True, desc="semantic mask on the grid of the image")
    vert = File(exists=True, desc="vertebra mask, numbered from the top")
    crop = _box_trait(desc="box of the spine: start and stop of each axis [voxels]")


class PostProcess(SimpleInterface):
    """Bring both masks to the grid of the image and make them consistent."""

    input_spec = _PostProcessInputSpec
    output_spec = _PostProcessOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        result = reconcile(
            load_mask(inputs.spine_raw),
            load_mask(inputs.vert_raw),
            checked_image(inputs),
            read_settings(inputs, PostSettings),
            has_c1=inputs.has_c1,
            is_ct=inputs.is_ct,
            numerics=inputs.numerics,
        )
        for name, mask in (("spine", result.spine), ("vert", result.vert)):
            path = node_file(runtime, f"{name}.nii.gz")
            save_nii(mask, path, like=inputs.in_file, passing=True)
            self._results[name] = str(path)
        self._results["crop"] = box_to_list(result.crop)
        return runtime


class _LabelInputSpec(
    ModelInputSpec,
    settings_spec(LabelingSettings, EngineSettings),  # type: ignore[misc]
):
    in_file = File(exists=True, mandatory=True, desc="the checked image")
    spine = File(exists=True, mandatory=True, desc="semantic mask on the grid of the image")
    vert = File(exists=True, mandatory=True, desc="vertebra mask, numbered from the top")
    crop = _box_trait(mandatory=True, desc="box of the spine")
    c1_enabled = traits.Bool(False, usedefault=True, desc="C1 may be among the names")
    numerics = numerics_trait()


class _LabelOutputSpec(TraitedSpec):
    vert = File(exists=True, desc="vertebra mask with anatomical labels")
    table = File(exists=True, desc="one row for each vertebra: number, label, name, confidence")


class LabelVertebrae(SimpleInterface):
    """Name the vertebrae: a network judges each one, and the likeliest sequence wins."""

    input_spec = _LabelInputSpec
    output_spec = _LabelOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from ...models.inference.labeling import load_labeling

        inputs = self.inputs
        with torch_resources(inputs):
            result = label_vertebrae(
                load_mask(inputs.spine),
                load_mask(inputs.vert),
                checked_image(inputs),
                list_to_box(inputs.crop),
                load_labeling(
                    required_package(inputs),
                    device=inputs.device,
                    engine=read_settings(inputs, EngineSettings),
                ),
                read_settings(inputs, LabelingSettings),
                c1_enabled=inputs.c1_enabled,
                numerics=inputs.numerics,
            )
        vert: Path = node_file(runtime, "vert.nii.gz")
        save_nii(result.vert, vert, like=inputs.in_file, passing=True)
        table = node_file(runtime, "labels.tsv")
        write_table(result.table, table)
        self._results.update(vert=str(vert), table=str(table))
        return runtime


class _FinalizeInputSpec(BaseInterfaceInputSpec):
    spine = File(exists=True, mandatory=True, desc="semantic mask on the grid of the image")
    vert = File(exists=True, mandatory=True, desc="vertebra mask")
    crop = _box_trait(mandatory=True, desc="box of the spine")
    sacrum_ids = traits.List(
        traits.Int, [26], usedefault=True, desc="semantic labels painted as sacrum"
    )
    metal = traits.List(traits.Int, [80], usedefault=True, desc="labels painted as metal")
    numerics = numerics_trait()


class _FinalizeOutputSpec(TraitedSpec):
    spine = File(exists=True, desc="final semantic mask")
    vert = File(exists=True, desc="final vertebra mask with discs and endplates")


class FinalizeMasks(SimpleInterface):
    """Give discs, endplates, sacrum and metal their labels."""

    input_spec = _FinalizeInputSpec
    output_spec = _FinalizeOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        spine, vert = finalize_masks(
            load_mask(inputs.spine),
            load_mask(inputs.vert),
            list_to_box(inputs.crop),
            sacrum_ids=tuple(inputs.sacrum_ids),
            metal=tuple(inputs.metal),
            numerics=inputs.numerics,
        )
        for name, mask in (("spine", spine), ("vert", vert)):
            path = node_file(runtime, f"{name}.nii.gz")
            save_nii(mask, path, like=inputs.vert)
            self._results[name] = str(path)
        return runtime
