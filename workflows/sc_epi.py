"""EPISeg for one image: cord mask, and pictures for quality control."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from nipype.interfaces.utility import Select
from nipype.pipeline import engine as pe

from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.interfaces import CorrectedMask, EPIReference, EPISeg, EPISegQC, EPISegReport
from spineps_nipype.interfaces.settings_traits import write_settings
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.systems import SC_EPI
from spineps_nipype.results.plan import StoredResults
from spineps_nipype.sc_epi.model import EpiPackage, epi_package
from spineps_nipype.sc_epi.naming import QcNames
from spineps_nipype.sc_epi.recipe import recipe, result_name
from spineps_nipype.sc_epi.settings import EpiSegSettings

from .nodes import Graph, follow, light_node, network_node, node

MEMORY_GB: Final = {"cord": 3.0, "pictures": 1.0}
PICTURES: Final = ("background", "overlay")


def init_sc_epi_wf(
    *,
    model: EpiPackage | str | Path | None = None,
    settings: EpiSegSettings | None = None,
    stored: StoredResults | None = None,
    corrections: Corrections | None = None,
    overrides: Collection[str] = (),
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
    stored
        Results that are there already, from a plan; no node is built for them.
    corrections
        Mask of a reader, by result.
    overrides
        Options of the recipe that make nodes run even if the work folder holds their result.
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
    mask_seg
        Mask of the cord, or its probability; a model with other classes has an output for each.
    background, overlay
        Pictures of the image and of the mask.
    """
    settings = settings or EpiSegSettings()
    if isinstance(model, EpiPackage):
        package = model
    else:
        package = epi_package(find_package(SC_EPI, "cord", model))
    memory = {**MEMORY_GB, **(mem_gb or {})}
    rows = recipe([output.suffix for output in package.outputs])
    graph = Graph(name, (*rows.results, *PICTURES), stored)
    if graph.take_stored(*rows.results):
        return graph.workflow
    given = (corrections or Corrections()).masks.get(rows.results[0])
    if given is None:
        _add_network(graph, package, settings, device, omp_nthreads, memory["cord"])
    else:
        _add_corrected(graph, rows.results[0], given, settings, memory["pictures"])
    pictures = graph.add(node(EPISegQC(), "pictures", mem_gb=memory["pictures"]))
    write_settings(pictures.inputs, settings.qc)
    pictures.inputs.numerics = settings.numerics
    if qc_seg is not None:
        pictures.inputs.crop_file = str(qc_seg)
    graph.feed(pictures, in_file="reference", seg_file="drawn")
    for picture in PICTURES:
        graph.gives(picture, pictures, picture)
    if qc_dir is not None:
        _add_report(graph, qc_dir, qc_names or QcNames("", "", ""), settings)
    follow(graph.workflow, rows, overrides)
    return graph.workflow


def _add_network(
    graph: Graph,
    package: EpiPackage,
    settings: EpiSegSettings,
    device: str,
    threads: int,
    mem_gb: float,
) -> None:
    """Masks of the network, one an output of the model."""
    cord = graph.add(
        network_node(
            EPISeg(on_4d=settings.on_4d, tta=settings.tta, numerics=settings.numerics),
            "cord",
            network=package.package,
            device=device,
            threads=threads,
            mem_gb=mem_gb,
        )
    )
    write_settings(cord.inputs, settings.clean_up)
    graph.connect(graph.inputnode, "in_file", cord, "in_file")
    graph.gives("reference", cord, "reference")
    graph.gives("drawn", cord, "out_file")
    for place, output in enumerate(package.outputs):
        chosen = graph.add(light_node(Select(index=[place]), f"output{place}"))
        graph.connect(cord, "out_files", chosen, "inlist")
        graph.gives(result_name(output.suffix), chosen, "out")


def _add_corrected(
    graph: Graph, result: str, path: Path, settings: EpiSegSettings, mem_gb: float
) -> None:
    """The mask of a reader in place of that of the network."""
    reference = EPIReference(on_4d=settings.on_4d, numerics=settings.numerics)
    seen = graph.add(node(reference, "reference", mem_gb=mem_gb))
    graph.connect(graph.inputnode, "in_file", seen, "in_file")
    graph.gives("reference", seen, "out_file")
    corrected = graph.add(node(CorrectedMask(in_file=str(path)), "corrected_mask", mem_gb=mem_gb))
    graph.feed(corrected, reference="reference")
    graph.gives("drawn", corrected, "out_file")
    graph.gives(result, corrected, "out_file")


def _add_report(
    graph: Graph, qc_dir: str | Path, names: QcNames, settings: EpiSegSettings
) -> None:
    """An entry on the pages for quality control."""
    report = EPISegReport(
        out_dir=str(qc_dir),
        dataset=names.dataset,
        subject=names.subject,
        contrast=names.contrast,
        plane=settings.qc.qc_plane,
    )
    entry = graph.add(light_node(report, "report"))
    graph.connect(graph.inputnode, "in_file", entry, "in_file")
    graph.feed(entry, background="background", overlay="overlay")
