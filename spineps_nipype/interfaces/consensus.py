"""Shell of the comparison of systems."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any, Final

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    Str,
    TraitedSpec,
    isdefined,
)

from ..core.canonical import System, to_canonical
from ..core.consensus import Agreement, Disagreement, Reading, compare
from ..core.files import write_text
from ..core.geometry import to_input_grid
from ..core.images import load_mask
from ..core.tables import write_table
from ..core.volume import Volume
from ..errors import InputError
from .node_files import node_file

TITLES: Final[dict[System, str]] = {
    "totalspineseg": "TotalSpineSeg",
    "totalspineseg_step1": "TotalSpineSeg",
    "spine_segmentation": "spine-segmentation",
}
"""Systems with one label map, and what tables call them."""


class _InputSpec(BaseInterfaceInputSpec):
    spineps_vert = File(exists=True, desc="vertebra mask of SPINEPS, if its names are anatomical")
    spineps_spine = File(exists=True, desc="semantic mask of SPINEPS")
    totalspineseg = File(exists=True, desc="result of step 2 of TotalSpineSeg")
    totalspineseg_step1 = File(exists=True, desc="result of step 1, where there is no step 2")
    spine_segmentation = File(exists=True, desc="ids of spine-segmentation")


class _OutputSpec(TraitedSpec):
    structures = File(exists=True, desc="one row a pair and structure: Dice and distances")
    names = File(exists=True, desc="one row for each part that two systems name differently")
    summary = File(exists=True, desc="the line for the checks of a scan (JSON)")
    line = Str(desc="the same line")


class Consensus(SimpleInterface):
    """Compare the results of two or more systems on a scan in canonical names."""

    input_spec = _InputSpec
    output_spec = _OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        masks = self._masks()
        readings: list[Reading] = []
        grid = next(iter(masks.values()), None)
        arrays = {} if grid is None else {k: _on(grid, m) for k, m in masks.items()}
        if "spineps_spine" in arrays or "spineps_vert" in arrays:
            canonical = to_canonical(
                "spineps",
                arrays.get("spineps_vert"),
                spine=arrays.get("spineps_spine"),
                numbering="anatomical",
            )
            readings.append(Reading("SPINEPS", "spineps", canonical))
        for system, title in TITLES.items():
            if system in arrays:
                found = to_canonical(system, arrays[system])
                readings.append(Reading(title, system, found))
        if grid is None or len(readings) < 2:
            raise InputError("Results of two systems are needed for a comparison.")
        consensus = compare(readings, grid.zoom)
        for name, row_type, rows in (
            ("structures", Agreement, consensus.agreements),
            ("names", Disagreement, consensus.disagreements),
        ):
            path = node_file(runtime, f"{name}.tsv")
            write_table([asdict(row) for row in rows], path, [f.name for f in fields(row_type)])
            self._results[name] = str(path)
        path = node_file(runtime, "summary.json")
        content = {
            "Systems": [r.system for r in readings],
            "Check": consensus.line,
            "Disagreements": len(consensus.disagreements),
            "SharedStructures": sum(row.dice > 0 for row in consensus.agreements),
        }
        write_text(path, json.dumps(content, indent=4) + "\n")
        self._results.update(summary=str(path), line=consensus.line)
        return runtime

    def _masks(self) -> dict[str, Volume]:
        names = ("spineps_vert", "spineps_spine", *TITLES)
        stated = {name: getattr(self.inputs, name) for name in names}
        return {name: load_mask(path) for name, path in stated.items() if isdefined(path)}


def _on(grid: Volume, mask: Volume) -> Any:
    return to_input_grid(mask, grid).get_array()
