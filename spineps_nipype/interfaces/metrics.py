"""Shell that measures and checks the final masks of a scan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ..core.images import load_image, load_mask
from ..core.tables import write_rows
from ..metrics.tables import expected_quality, measured_tables
from .node_files import node_file


class _MeasureInputSpec(BaseInterfaceInputSpec):
    spine = File(exists=True, mandatory=True, desc="final semantic mask")
    vert = File(exists=True, mandatory=True, desc="final vertebra mask")
    scan = File(exists=True, desc="image on the grid of the masks; tells what is in view")
    labels_table = File(exists=True, desc="names of the vertebrae and their confidence (TSV)")
    evidence = File(exists=True, desc="what the semantic phase says of its mask (TSV)")
    dice_model = File(exists=True, desc="numbers that make an expected Dice of it (JSON)")
    header_warnings = traits.List(
        traits.Str, [], usedefault=True, desc="what is odd about the header of the scan"
    )


class _MeasureOutputSpec(TraitedSpec):
    metrics = File(exists=True, desc="one row a vertebra with its disc (TSV; mm, degrees)")
    checks = File(exists=True, desc="what was checked, and what to look at (TSV)")


class MeasureSpine(SimpleInterface):
    """Measure bodies, discs, canal, cord and curves, and check the masks; nothing is changed."""

    input_spec = _MeasureInputSpec
    output_spec = _MeasureOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        names, evidence, model = (
            Path(value) if isdefined(value) else None
            for value in (inputs.labels_table, inputs.evidence, inputs.dice_model)
        )
        tables = measured_tables(
            load_mask(inputs.spine),
            load_mask(inputs.vert),
            names,
            inputs.header_warnings,
            expected_quality(evidence, model),
            load_image(inputs.scan) if isdefined(inputs.scan) else None,
        )
        for name, table in tables.items():
            path = node_file(runtime, f"{name}.tsv")
            write_rows(table, path)
            self._results[name] = str(path)
        return runtime
