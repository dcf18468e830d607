"""Interfaces of the phases that describe the final masks: centroids and snapshot."""

from __future__ import annotations

from functools import partial
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    Str,
    TraitedSpec,
    traits,
)

from ...core.images import load_image, load_mask
from ...core.pictures import draw_or_say
from ...spineps.centroids import compute_centroids, save_poi
from ...spineps.settings import CentroidSettings
from ...spineps.snapshot import draw_snapshot
from ..node_files import node_file
from ..settings_traits import numerics_trait, read_settings, settings_spec


class _CentroidsInputSpec(settings_spec(CentroidSettings)):  # type: ignore[misc]
    spine = File(exists=True, mandatory=True, desc="final semantic mask")
    vert = File(exists=True, mandatory=True, desc="final vertebra mask")
    info = traits.Dict(key_trait=Str, usedefault=True, desc="entries for the header of the file")
    numerics = numerics_trait()


class _CentroidsOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="points of interest (TPTBox POI, JSON)")


class Centroids(SimpleInterface):
    """Compute the centroid of each vertebra, disc and endplate."""

    input_spec = _CentroidsInputSpec
    output_spec = _CentroidsOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        inputs = self.inputs
        points = compute_centroids(
            load_mask(inputs.spine),
            load_mask(inputs.vert),
            points=read_settings(inputs, CentroidSettings).poi_points,
            numerics=inputs.numerics,
        )
        out_file = node_file(runtime, "poi.json")
        save_poi(points, out_file, dict(inputs.info))
        self._results["out_file"] = str(out_file)
        return runtime


class _SnapshotInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="the checked image")
    spine = File(exists=True, mandatory=True, desc="final semantic mask")
    vert = File(exists=True, mandatory=True, desc="final vertebra mask")
    poi = File(exists=True, mandatory=True, desc="points of interest")
    is_ct = traits.Bool(False, usedefault=True, desc="show the grey values of a CT window")
    note = Str("", usedefault=True, desc="line of text below the picture")


class _SnapshotOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="picture of the result (PNG)")


class Snapshot(SimpleInterface):
    """Draw image, masks and points along the curve of the spine."""

    input_spec = _SnapshotInputSpec
    output_spec = _SnapshotOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from TPTBox import POI

        inputs = self.inputs
        draw = partial(
            draw_snapshot,
            load_image(inputs.in_file),
            load_mask(inputs.spine),
            load_mask(inputs.vert),
            POI.load(inputs.poi),
            is_ct=inputs.is_ct,
            note=inputs.note,
        )
        out_file = draw_or_say(draw, node_file(runtime, "snapshot.png"))
        self._results["out_file"] = str(out_file)
        return runtime
