"""Shell of the nomenclature: label maps of one system in the numbers of another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ..core.canonical import SYSTEMS
from ..core.convert_labels import convert_labels
from ..core.geometry import to_input_grid
from ..core.images import load_mask, save_nii
from ..core.tables import write_table
from ..core.volume import Volume
from .node_files import node_file


class _InputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, desc="label map of the source; for SPINEPS the vertebra mask")
    spine_file = File(exists=True, desc="semantic mask of SPINEPS")
    source = traits.Enum(*SYSTEMS, mandatory=True, desc="system of the label map")
    target = traits.Enum(*SYSTEMS, mandatory=True, desc="system that is wanted")
    numbering = traits.Enum(
        "anatomical",
        "counted",
        desc="for SPINEPS, and to be stated: named by a labelling model, or counted from the top",
    )
    strict = traits.Bool(False, usedefault=True, desc="fail when something would be dropped")


class _OutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="label map of the target; for SPINEPS the vertebra mask")
    out_spine = File(exists=True, desc="semantic mask, for SPINEPS")
    losses = File(exists=True, desc="table of what was dropped or merged")
    extent = traits.Enum("whole", "body", "point", desc="what vertebrae cover")


class ConvertLabels(SimpleInterface):
    """Convert a label map between systems and list what the target cannot say."""

    input_spec = _InputSpec
    output_spec = _OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        vert = load_mask(inputs.in_file) if isdefined(inputs.in_file) else None
        spine = load_mask(inputs.spine_file) if isdefined(inputs.spine_file) else None
        if vert is not None and spine is not None:
            spine = to_input_grid(spine, vert)
        grid: Volume | None = vert if vert is not None else spine
        found = convert_labels(
            None if vert is None else vert.get_array(),
            inputs.source,
            inputs.target,
            spine=None if spine is None else spine.get_array(),
            numbering=inputs.numbering if isdefined(inputs.numbering) else None,
            strict=inputs.strict,
            spacing=(1.0, 1.0, 1.0) if grid is None else grid.zoom,
        )
        assert grid is not None  # convert_labels refuses to work on nothing
        like = inputs.in_file if vert is not None else inputs.spine_file
        path = node_file(runtime, "labels.nii.gz")
        labels = grid.set_array(found.labels, seg=True)
        self._results["out_file"] = str(save_nii(labels, path, like=like))
        if found.spine is not None:
            path = node_file(runtime, "spine.nii.gz")
            tissue = grid.set_array(found.spine, seg=True)
            self._results["out_spine"] = str(save_nii(tissue, path, like=like))
        path = node_file(runtime, "losses.tsv")
        write_table([asdict(loss) for loss in found.losses], path)
        self._results.update(losses=str(path), extent=found.extent)
        return runtime
