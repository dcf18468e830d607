"""EPISeg for one image: cord mask, and pictures for quality control."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nipype.interfaces.utility import IdentityInterface, Select
from nipype.pipeline import engine as pe

from spineps_nipype.interfaces import EPISeg, EPISegQC, EPISegReport
from spineps_nipype.interfaces.settings_traits import write_settings
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.systems import SC_EPI
from spineps_nipype.sc_epi.model import EpiPackage, epi_package
from spineps_nipype.sc_epi.naming import QcNames
from spineps_nipype.sc_epi.settings import EpiSegSettings

from .spineps import NODE_CONFIG
from .store import Description, Source, add_store

MEMORY_GB: Final = {"cord": 3.0, "pictures": 1.0}


def init_sc_epi_wf(
    *,
    model: EpiPackage | str | Path | None = None,
    settings: EpiSegSettings | None = None,
    in_file: str | Path | None = None,
    paths: Mapping[str, Path] | None = None,
    description: Description | None = None,
    qc_dir: str | Path | None = None,
    qc_names: QcNames | None = None,
    qc_seg: str | Path | None = None,
    mem_gb: Mapping[str, float] | None = None,
    device: str = "cpu",
    omp_nthreads: int = 1,
    name: str = "sc_epi_wf",
) -> pe.Workflow:
    """Segment the spinal cord in an EPI image.

    Workflow Graph
        .. workflow::
            :graph2use: orig
            :simple_form: yes

            from spineps_nipype.workflows.sc_epi import init_sc_epi_wf
            wf = init_sc_epi_wf()

    Parameters
    ----------
    model
        Package or its folder; the installed one, else the compact one, unless given.
    settings
        Options of the mask and of the pictures.
    in_file
        The image, if it is known already.
    paths
        Where results are stored, by the suffix of the output; without them nothing is stored.
    description
        Content of the sidecars.
    qc_dir, qc_names
        Report that the pictures are added to, and the names on its page; without them there is
        no report, only pictures.
    qc_seg
        Mask around which the pictures are cut.
    mem_gb
        Memory of the nodes ``cord`` and ``pictures``.
    device, omp_nthreads
        Where the network runs, and its processor threads.
    name
        Name of the workflow.

    Inputs
    ------
    in_file
        EPI image, 3-D or 4-D.

    Outputs
    -------
    mask
        Mask of the cord, or its probability; a list when the model has several classes.
    background, overlay
        Pictures of the image and of the mask.
    """
    settings = settings or EpiSegSettings()
    if isinstance(model, EpiPackage):
        package = model
    else:
        package = epi_package(find_package(SC_EPI, "cord", model))
    memory = {**MEMORY_GB, **(mem_gb or {})}
    workflow = pe.Workflow(name=name)
    inputnode = pe.Node(IdentityInterface(fields=["in_file"]), name="inputnode")
    outputnode = pe.Node(
        IdentityInterface(fields=["mask", "background", "overlay"]), name="outputnode"
    )
    if in_file is not None:
        inputnode.inputs.in_file = str(in_file)

    on_gpu = device != "cpu"
    cord = _node(EPISeg(), "cord", memory["cord"], n_procs=1 if on_gpu else omp_nthreads)
    write_settings(cord.inputs, settings.clean_up)
    cord.inputs.trait_set(
        on_4d=settings.on_4d,
        tta=settings.tta,
        numerics=settings.numerics,
        model_dir=str(package.package.folder),
        model_digest=package.package.digest,
        device=device,
        num_threads=omp_nthreads,
        use_gpu=on_gpu,
    )
    pictures = _node(EPISegQC(), "pictures", memory["pictures"])
    write_settings(pictures.inputs, settings.qc)
    pictures.inputs.numerics = settings.numerics
    if qc_seg is not None:
        pictures.inputs.crop_file = str(qc_seg)
    workflow.connect(
        [
            (inputnode, cord, [("in_file", "in_file")]),
            (cord, pictures, [("reference", "in_file"), ("out_file", "seg_file")]),
            (cord, outputnode, [("out_files", "mask")]),
            (pictures, outputnode, [("background", "background"), ("overlay", "overlay")]),
        ]
    )
    if qc_dir is not None:
        report = _node(EPISegReport(), "report", 0.1, run_without_submitting=True)
        names = qc_names or QcNames("", "", "")
        report.inputs.trait_set(
            out_dir=str(qc_dir),
            dataset=names.dataset,
            subject=names.subject,
            contrast=names.contrast,
            plane=settings.qc.qc_plane,
        )
        workflow.connect(inputnode, "in_file", report, "in_file")
        workflow.connect(pictures, "background", report, "background")
        workflow.connect(pictures, "overlay", report, "overlay")
    if paths is not None:
        results: dict[str, Source] = {}
        for place, output in enumerate(package.outputs):
            chosen = _node(Select(index=[place]), f"output{place}", 0.1)
            chosen.run_without_submitting = True
            workflow.connect(cord, "out_files", chosen, "inlist")
            results[result_name(output.suffix)] = (chosen, "out")
        add_store(
            workflow,
            results,
            {result_name(suffix): path for suffix, path in paths.items()},
            scan=(inputnode, "in_file"),
            description=description or Description(),
            name="masks",
        )
    return workflow


def result_name(suffix: str) -> str:
    """Word that may name an input of a node."""
    return f"mask{suffix}"


def _node(interface: Any, name: str, memory: float, **options: Any) -> pe.Node:
    node = pe.Node(interface, name=name, mem_gb=memory, **options)
    node.config = {section: dict(values) for section, values in NODE_CONFIG.items()}
    return node
