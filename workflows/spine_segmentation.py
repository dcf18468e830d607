"""spine-segmentation for one scan: vertebral bodies and discs, slice by slice, with names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from nipype.pipeline import engine as pe

from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.interfaces import Conform, CorrectedMask, SpineSegmentation
from spineps_nipype.interfaces.settings_traits import write_settings
from spineps_nipype.models.finding import find_package, form_beside
from spineps_nipype.models.systems import SPINE_SEGMENTATION
from spineps_nipype.results.plan import StoredResults
from spineps_nipype.settings import AUTO_ENGINE, EngineSettings
from spineps_nipype.spine_segmentation.recipe import recipe
from spineps_nipype.spine_segmentation.settings import Family, SpineSegmentationSettings
from spineps_nipype.spine_segmentation.upstream import upstream

from .nodes import Graph, follow, network_node, node

MEMORY_GB: Final = {"light": 1.5, "slices": 4.0}
CORRECTED: Final = {"semantic": "corrected_semantic", "instance": "corrected_instances"}
"""Input that takes each kind of corrected mask."""


def init_spine_segmentation_wf(
    *,
    semantic_model: str | Path | None = None,
    instance_model: str | Path | None = None,
    form_model: str | Path | None = None,
    family: Family = "resnet152",
    settings: SpineSegmentationSettings | None = None,
    stored: StoredResults | None = None,
    corrections: Corrections | None = None,
    overrides: Collection[str] = (),
    average_4d: bool = False,
    mem_gb: Mapping[str, float] | None = None,
    device: str = "cpu",
    omp_nthreads: int = 1,
    engine: EngineSettings = AUTO_ENGINE,
    name: str = "spine_segmentation_wf",
) -> pe.Workflow:
    """Segment and name vertebral bodies and discs of a sagittal scan.

    Workflow Graph
        .. workflow::
            :graph2use: orig
            :simple_form: yes

            from spineps_nipype.workflows.spine_segmentation import init_spine_segmentation_wf
            wf = init_spine_segmentation_wf()

    Parameters
    ----------
    semantic_model, instance_model
        ONNX files; those that are installed, else the compact ones, unless given.
    form_model
        ONNX file that names bodies by form and look; that beside the instance model unless given.
    family
        Which of the two released pairs is looked for.
    settings
        Options; masks come back on the grid of the scan in any case.
    stored
        Results that are there already, from a plan; no node is built for them.
    corrections
        Masks of a reader: ``semantic``, ``instance``.
    overrides
        Options of the recipe that make nodes run even if the work folder holds their result.
    average_4d
        Whether 4-D images are averaged.
    mem_gb
        Memory of the nodes: ``light`` and ``slices``.
    device, omp_nthreads
        Where the networks run, and their processor threads.
    engine
        What computes the networks: OpenVINO, or onnxruntime (``torch``).
    name
        Name of the workflow.

    Inputs
    ------
    in_file
        The scan (.nii or .nii.gz) in any orientation.

    Outputs
    -------
    semantic
        1 vertebral body, 2 disc.
    instances
        Ids of bodies and discs; not with ``only_2class``, like the following two.
    names, vertebrae
        Tables of ids and names, and of the certainty of each vertebra.
    """
    settings = settings or SpineSegmentationSettings()
    memory = {**MEMORY_GB, **(mem_gb or {})}
    rows, given = recipe(settings), (corrections or Corrections()).masks
    graph = Graph(name, rows.results, stored)
    if graph.take_stored(*rows["slices"].makes):
        return graph.workflow
    whole = upstream(settings.numerics).integer_voxels
    conform = graph.add(
        node(
            Conform(average_4d=average_4d, integer_voxels=whole),
            "conform",
            mem_gb=memory["light"],
        )
    )
    graph.connect(graph.inputnode, "in_file", conform, "in_file")
    graph.gives("scan", conform, "out_file")
    slices = graph.add(
        network_node(
            SpineSegmentation(only_2class=settings.only_2class, numerics=settings.numerics),
            "slices",
            network=None,  # its networks are files, told apart by their content
            device=device,
            threads=omp_nthreads,
            mem_gb=memory["slices"],
        )
    )
    write_settings(slices.inputs, settings.slices, settings.naming, engine)
    slices.inputs.semantic_model = str(semantic_model or _installed("semantic", family))
    if not settings.only_2class:
        names = Path(instance_model or _installed("instance", family))
        slices.inputs.instance_model = str(names)
        beside = form_beside(names)
        form = form_model or (None if beside is None else beside.file)
        if form is not None:
            slices.inputs.form_model = str(form)
    graph.feed(slices, in_file="scan")
    for result in rows.results:
        graph.gives(result, slices, result)
    for kind in rows.corrections:
        if kind in given:
            mask = CorrectedMask(in_file=str(given[kind]))
            corrected = graph.add(node(mask, f"corrected_{kind}", mem_gb=memory["light"]))
            graph.feed(corrected, reference="scan")
            graph.connect(corrected, "out_file", slices, CORRECTED[kind])
    follow(graph.workflow, rows, overrides)
    return graph.workflow


def _installed(kind: str, family: Family) -> Path:
    return find_package(SPINE_SEGMENTATION, kind, release=family).file
