"""Interfaces that give results of SPINEPS to other programs: markups and surfaces."""

from __future__ import annotations

from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    OutputMultiObject,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from ...core.anatomy import VERTEBRA_NAMES
from ...core.images import load_mask
from ...core.surfaces import write_gifti, write_stl
from ...core.tables import write_rows
from ...results.sidecar import write_json
from ...spineps.markups import markups
from ...spineps.surfaces import COLUMNS, surface_rows, vertebra_surfaces
from ..node_files import node_file


class _MarkupsInputSpec(BaseInterfaceInputSpec):
    poi = File(exists=True, mandatory=True, desc="points of interest")


class _MarkupsOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the points as markups of 3D Slicer (.mrk.json)")


class Markups(SimpleInterface):
    """Write points of interest as markups of 3D Slicer."""

    input_spec = _MarkupsInputSpec
    output_spec = _MarkupsOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from TPTBox import POI

        out_file = node_file(runtime, "markups.mrk.json")
        write_json(out_file, markups(POI.load(self.inputs.poi)))
        self._results["out_file"] = str(out_file)
        return runtime


class _SurfacesInputSpec(BaseInterfaceInputSpec):
    vert = File(exists=True, mandatory=True, desc="final vertebra mask")
    stl = traits.Bool(False, usedefault=True, desc="write an STL file for each vertebra")
    gifti = traits.Bool(False, usedefault=True, desc="write a GIfTI file for each vertebra")


class _SurfacesOutputSpec(TraitedSpec):
    table = File(exists=True, desc="area and volume of each surface (TSV)")
    stl = OutputMultiObject(File(exists=True), desc="surfaces [mm, RAS+] (STL)")
    gifti = OutputMultiObject(File(exists=True), desc="surfaces [mm, RAS+] (GIfTI)")


class Surfaces(SimpleInterface):
    """Wrap each vertebra in a closed surface in world coordinates."""

    input_spec = _SurfacesInputSpec
    output_spec = _SurfacesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        surfaces = vertebra_surfaces(load_mask(self.inputs.vert))
        table = node_file(runtime, "surfaces.tsv")
        write_rows(surface_rows(surfaces), table, list(COLUMNS))
        self._results["table"] = str(table)
        names = {number: VERTEBRA_NAMES[number] for number in surfaces}
        if self.inputs.stl:
            self._results["stl"] = [
                str(write_stl(surface, node_file(runtime, f"{names[n]}.stl")))
                for n, surface in surfaces.items()
            ]
        if self.inputs.gifti:
            self._results["gifti"] = [
                str(write_gifti(surface, node_file(runtime, f"{names[n]}.surf.gii"), names[n]))
                for n, surface in surfaces.items()
            ]
        return runtime
