"""Interfaces for corrections by a reader: masks and names of vertebrae."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    Str,
    TraitedSpec,
    isdefined,
    traits,
)

from ...core.corrected_masks import corrected_mask, refuse_empty
from ...core.files import copy_whole
from ...core.images import load_image, load_mask, save_nii
from ...core.spine_names import read_written
from ...core.tables import read_rows, write_table
from ...spineps.fixed_names import FixedName, fix_names
from ...spineps.numbers import vertebrae_alone
from ...spineps.session_names import rename
from ..node_files import node_file


class _CorrectedInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="mask corrected by a reader")
    reference = File(exists=True, mandatory=True, desc="the checked image")
    vertebrae_only = traits.Bool(
        False, usedefault=True, desc="leave out discs, endplates and the sacrum"
    )


class _CorrectedOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the mask on the grid of the image")


class CorrectedMask(SimpleInterface):
    """Accept a mask corrected by a reader if it is on the grid of the image.

    Its axes may have another order or direction, as programs that save it like to have them.
    """

    input_spec = _CorrectedInputSpec
    output_spec = _CorrectedOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        path = Path(self.inputs.in_file)
        image = load_image(self.inputs.reference)
        mask = corrected_mask(path, image.shape, image.affine)
        array = mask.get_array()
        if self.inputs.vertebrae_only:
            array = vertebrae_alone(array)
            refuse_empty(array, path)
        out_file = node_file(runtime, "corrected.nii.gz")
        # On the grid of the image to the last digit.
        save_nii(image.set_array(array, seg=True), out_file, like=self.inputs.reference)
        self._results["out_file"] = str(out_file)
        return runtime


class _FixNamesInputSpec(BaseInterfaceInputSpec):
    vert = File(exists=True, mandatory=True, desc="vertebra mask with the names that were found")
    table = File(exists=True, desc="table of the names that were found")
    labels = traits.List(traits.Int, mandatory=True, desc="new labels of vertebrae")
    found = traits.List(
        traits.Int,
        mandatory=True,
        desc="for each, the label it was found with; 0 if there is a point",
    )
    points = traits.List(
        traits.List(traits.Float),
        mandatory=True,
        desc="for each, a point in it [mm, RAS], or an empty list",
    )


class _FixNamesOutputSpec(TraitedSpec):
    vert = File(exists=True, desc="vertebra mask with the names set by the reader")
    table = File(exists=True, desc="one row for each vertebra; 'found' is its former name")


class FixNames(SimpleInterface):
    """Give vertebrae the names set by a reader, and count the others from them."""

    input_spec = _FixNamesInputSpec
    output_spec = _FixNamesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        rows: list[dict[str, Any]] = []
        if isdefined(inputs.table):
            with Path(inputs.table).open(newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream, delimiter="\t"))
            for row in rows:
                row["label"] = int(float(row["label"]))
        fixed = [
            FixedName(label, found or None, tuple(point) or None)
            for label, found, point in zip(inputs.labels, inputs.found, inputs.points, strict=True)
        ]
        result = fix_names(load_mask(inputs.vert), rows, fixed)
        vert, table = node_file(runtime, "vert.nii.gz"), node_file(runtime, "labels.tsv")
        save_nii(result.vert, vert, like=inputs.vert)
        write_table(result.table, table)
        self._results.update(vert=str(vert), table=str(table))
        return runtime


class _SessionNamesInputSpec(BaseInterfaceInputSpec):
    spine = File(exists=True, mandatory=True, desc="final semantic mask")
    vert = File(exists=True, mandatory=True, desc="final vertebra mask")
    table = File(exists=True, mandatory=True, desc="table of its names")
    labels = traits.List(
        traits.Int,
        mandatory=True,
        desc="new labels of the vertebrae that a network judged, from top to bottom",
    )
    sequences = Str(mandatory=True, desc="their probabilities, as text of the table")


class _SessionNamesOutputSpec(TraitedSpec):
    spine = File(exists=True, desc="the semantic mask, as it was")
    vert = File(exists=True, desc="vertebra mask with the names of the session")
    table = File(exists=True, desc="one row for each vertebra; 'found' is the name by itself")


class SessionNames(SimpleInterface):
    """Give the vertebrae of a scan the names that the scans of its session found together."""

    input_spec = _SessionNamesInputSpec
    output_spec = _SessionNamesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        labels = tuple(inputs.labels)
        posterior = read_written(inputs.sequences, len(labels))
        if posterior is None:
            raise ValueError(f"no sequences of {len(labels)} names: {inputs.sequences!r}")
        result = rename(load_mask(inputs.vert), read_rows(inputs.table), labels, posterior)
        spine, vert, table = (
            node_file(runtime, name) for name in ("spine.nii.gz", "vert.nii.gz", "labels.tsv")
        )
        copy_whole(inputs.spine, spine)
        save_nii(result.vert, vert, like=inputs.vert)
        write_table(result.table, table)
        self._results.update(spine=str(spine), vert=str(vert), table=str(table))
        return runtime
