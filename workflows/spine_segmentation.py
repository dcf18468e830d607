"""spine-segmentation for one scan: vertebral bodies and discs, slice by slice, with names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype.interfaces import Conform, SpineSegmentation
from spineps_nipype.interfaces.settings_traits import write_settings
from spineps_nipype.spine_segmentation.models import Family, find_form, find_model
from spineps_nipype.spine_segmentation.settings import SpineSegmentationSettings
from spineps_nipype.spine_segmentation.upstream import upstream

from .spineps import NODE_CONFIG
from .store import Description, Source, add_store

RESULTS: Final = ("semantic", "instances", "names", "vertebrae")
SEMANTIC_ONLY: Final = ("semantic",)
MEMORY_GB: Final = {"light": 1.5, "slices": 4.0}


def init_spine_segmentation_wf(
    *,
    semantic_model: str | Path | None = None,
    instance_model: str | Path | None = None,
    family: Family = "resnet152",
    settings: SpineSegmentationSettings | None = None,
    in_file: str | Path | None = None,
    paths: Mapping[str, Path] | None = None,
    description: Description | None = None,
    average_4d: bool = False,
    mem_gb: Mapping[str, float] | None = None,
    device: str = "cpu",
    omp_nthreads: int = 1,
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
    family
        Which of the two released pairs is looked for.
    settings
        Options; masks come back on the grid of the scan in any case.
    in_file
        The scan, if it is known already.
    paths
        Where results are stored; without them nothing is stored.
    description
        Content of the sidecars.
    average_4d
        Whether 4-D images are averaged.
    mem_gb
        Memory of the nodes: ``light`` and ``slices``.
    device, omp_nthreads
        Where the networks run, and their processor threads.
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
    workflow = pe.Workflow(name=name)
    inputnode = pe.Node(IdentityInterface(fields=["in_file"]), name="inputnode")
    outputnode = pe.Node(IdentityInterface(fields=list(RESULTS)), name="outputnode")
    if in_file is not None:
        inputnode.inputs.in_file = str(in_file)
    whole = upstream(settings.numerics).integer_voxels
    conform = _node(
        Conform(average_4d=average_4d, integer_voxels=whole), "conform", memory["light"]
    )
    on_gpu = device != "cpu"
    slices = _node(
        SpineSegmentation(), "slices", memory["slices"], n_procs=1 if on_gpu else omp_nthreads
    )
    write_settings(slices.inputs, settings.slices, settings.naming)
    slices.inputs.trait_set(
        semantic_model=str(semantic_model or find_model("semantic", family)),
        only_2class=settings.only_2class,
        numerics=settings.numerics,
        device=device,
        num_threads=omp_nthreads,
        use_gpu=on_gpu,
    )
    if not settings.only_2class:
        names = Path(instance_model or find_model("instance", family))
        slices.inputs.instance_model = str(names)
        if (form := find_form(names)) is not None:
            slices.inputs.form_model = str(form)
    workflow.connect(inputnode, "in_file", conform, "in_file")
    workflow.connect(conform, "out_file", slices, "in_file")
    made = SEMANTIC_ONLY if settings.only_2class else RESULTS
    for result in made:
        workflow.connect(slices, result, outputnode, result)
    if paths is not None:
        results: dict[str, Source] = {result: (slices, result) for result in made}
        add_store(
            workflow,
            results,
            paths,
            scan=(inputnode, "in_file"),
            description=description or Description(),
            name="masks",
        )
    return workflow


def _node(interface: Any, name: str, memory: float, **options: Any) -> pe.Node:
    node = pe.Node(interface, name=name, mem_gb=memory, **options)
    node.config = {section: dict(values) for section, values in NODE_CONFIG.items()}
    return node
