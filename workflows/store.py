"""Workflow that describes the results of one scan and stores them, whichever system made them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype.interfaces import PrepareDerivatives, SaveDerivatives
from spineps_nipype.results.plan import ScanPlan
from spineps_nipype.results.recipe import SCAN, Phase
from spineps_nipype.results.scan_output import ScanOutput
from spineps_nipype.results.sidecar import JSON, with_sidecars

from .nodes import light_node

logger = logging.getLogger(__name__)
DEBUG: Final = "debug_"
"""Begin of the name of the folder with intermediate masks."""


def log_plan(scan: str | Path, plan: ScanPlan) -> None:
    """Say for each phase of a scan whether its stored results are used, and why."""
    for step in plan:
        logger.info("%s: %s: %s (%s)", Path(scan).name, step.phase, step.action, step.why)


def init_scan_wf(
    *, compute: pe.Workflow, plan: ScanPlan, output: ScanOutput, name: str = "scan_wf"
) -> pe.Workflow:
    """Carry out the plan of a scan and store the results, each as soon as it is there.

    Workflow Graph
        .. workflow::
            :graph2use: orig
            :simple_form: yes

            from pathlib import Path
            from spineps_nipype.results.plan import plan_scan
            from spineps_nipype.results.scan_output import ScanOutput
            from spineps_nipype.spineps.settings import PipelineSettings
            from spineps_nipype.spineps.recipe import RECIPE, provenance
            from spineps_nipype.workflows.spineps import init_spineps_wf
            from spineps_nipype.workflows.store import init_scan_wf
            files = {name: Path(f"/out/{name}.nii.gz") for name in ("scan", *RECIPE.results)}
            way = provenance(PipelineSettings(), {})
            plan = plan_scan(way, files)
            wf = init_scan_wf(
                compute=init_spineps_wf(
                    semantic_model="auto",
                    instance_model="auto",
                    labeling_model="auto",
                    stored=plan.stored,
                ),
                plan=plan,
                output=ScanOutput(way, files, RECIPE.results),
            )

    Parameters
    ----------
    compute
        Workflow that makes the results: its outputs have their names, and its inputs are the
        inputs of the recipe, the scan as ``in_file``.
    plan
        Which phases run, from `plan_scan` with the same provenance.
    output
        Where results go, and what their sidecars say.
    name
        Name of the workflow; it names the folder in the work folder.

    Returns
    -------
    pipeline.Workflow
        Sub-workflows: `compute`, and ``store_wf``, which stores.
    """
    scan = output.files[SCAN]
    log_plan(scan, plan)
    workflow = pe.Workflow(name=name)
    recipe = output.provenance.recipe
    inputnode = pe.Node(IdentityInterface(fields=list(recipe.inputs)), name="inputnode")
    store_wf = init_store_wf(output=output, phases=plan.running, copies=plan.copies)
    workflow.add_nodes([inputnode, compute, store_wf])
    for field in recipe.inputs:
        if field not in output.files:
            continue
        setattr(inputnode.inputs, field, str(output.files[field]))
        target = "in_file" if field == SCAN else field
        if target in compute.get_node("inputnode").outputs.copyable_trait_names():
            workflow.connect(inputnode, field, compute, f"inputnode.{target}")
        workflow.connect(inputnode, field, store_wf, f"inputnode.{field}")
    shown = compute.get_node("outputnode").outputs.copyable_trait_names()
    for result in recipe.results:
        if result in shown:
            workflow.connect(compute, f"outputnode.{result}", store_wf, f"inputnode.{result}")
    return workflow


def init_store_wf(
    *,
    output: ScanOutput,
    phases: Collection[str],
    copies: Sequence[tuple[Path, Path]] = (),
    name: str = "store_wf",
) -> pe.Workflow:
    """Describe and store what the phases of one scan made, each as soon as it is there.

    Workflow Graph
        .. workflow::
            :graph2use: orig
            :simple_form: yes

            from pathlib import Path
            from spineps_nipype.results.scan_output import ScanOutput
            from spineps_nipype.spineps.settings import PipelineSettings
            from spineps_nipype.spineps.recipe import RECIPE, provenance
            from spineps_nipype.workflows.store import init_store_wf
            files = {name: Path(f"/out/{name}.nii.gz") for name in ("scan", *RECIPE.results)}
            wf = init_store_wf(
                output=ScanOutput(provenance(PipelineSettings(), {}), files, RECIPE.results),
                phases=[phase.name for phase in RECIPE.phases],
            )

    Parameters
    ----------
    output
        Where results go, and what their sidecars say.
    phases
        Phases that run.
    copies
        Stored files and places where copies of them are wanted.
    name
        Name of the workflow.

    Inputs
    ------
    scan
        The input image, and what else the recipe takes.
    spine_raw, vert_raw, spine, vert, poi, snapshot, ...
        The results, by their names in the recipe.
    """
    recipe = output.provenance.recipe
    workflow = pe.Workflow(name=name)
    fields = [*recipe.inputs, *recipe.results]
    inputnode = pe.Node(IdentityInterface(fields=fields), name="inputnode")
    workflow.add_nodes([inputnode])
    inside: dict[str, pe.Node] = {}
    saves: dict[str, pe.Node] = {}
    for phase in (p for p in recipe.order if p.name in phases):
        described = output.described(phase)
        if described:
            prepare, saves[phase.name] = _prepare(workflow, inputnode, phase, output, inside)
            before = [saves[one.name] for one in recipe.before(phase) if one.name in saves]
            if before:  # what a result was made from is stored earlier, or neither is
                workflow.connect(before[-1], "out_files", saves[phase.name], "after")
            inside |= {n: prepare for n in described if output.files[n].suffix == JSON}
        for result in (n for n in output.products(phase) if n not in described):
            source = recipe.copies.get(result, result)
            target = output.files[result]
            save = _saving(target, output, folder=result in phase.folders)
            node = light_node(save, f"save_{result}")
            workflow.connect(inputnode, source, node, "in_files")
    if copies:
        workflow.add_nodes([_copying_node(copies, output)])
    return workflow


def _copying_node(copies: Sequence[tuple[Path, Path]], output: ScanOutput) -> pe.Node:
    """Node that copies stored files to their other places."""
    sources = [str(source) for source, _ in copies]
    targets = [str(target) for _, target in copies]
    save = SaveDerivatives(in_files=sources, out_paths=targets, **_within(output))
    return light_node(save, "save_copies")


def _prepare(
    workflow: pe.Workflow,
    inputnode: pe.Node,
    phase: Phase,
    output: ScanOutput,
    inside: dict[str, pe.Node],
) -> tuple[pe.Node, pe.Node]:
    """The nodes that describe and that store the results of a phase.

    `inside` has the nodes that write the record into a result: what is stored is the file with
    its record, so this is what counts as the source of others.
    """
    products = output.described(phase)
    prepare = light_node(
        PrepareDerivatives(
            products=products,
            sources=phase.reads,
            description=output.description(phase).plain(),
        ),
        f"prepare_{phase.name}",
    )
    targets = with_sidecars(output.files[product] for product in products)
    save = light_node(
        SaveDerivatives(out_paths=[str(path) for path in targets], **_within(output)),
        f"save_{phase.name}",
    )
    for product in products:
        source = output.provenance.recipe.copies.get(product, product)
        workflow.connect(inputnode, source, prepare, product)
    for read in phase.reads:
        if read in inside:
            workflow.connect(inside[read], "out_files", prepare, f"source_{read}")
        else:
            workflow.connect(inputnode, read, prepare, f"source_{read}")
    workflow.connect(prepare, "out_files", save, "in_files")
    return prepare, save


def _saving(target: Path, output: ScanOutput, *, folder: bool) -> SaveDerivatives:
    """Interface that stores results without a sidecar: a file, or several in their folder."""
    within = _within(output)
    if not folder:
        return SaveDerivatives(out_paths=[str(target)], **within)
    if target.name.startswith(DEBUG):  # SPINEPS repeats the last word of the folder in the names
        word = target.name.removeprefix(DEBUG)
        return SaveDerivatives(out_dir=str(target), name_suffix=f"_{word}", **within)
    return SaveDerivatives(out_dir=str(target), exact=True, **within)


def _within(output: ScanOutput) -> dict[str, str]:
    """The output folder, where it is known, as the folder that nothing is stored outside of."""
    return {} if output.root is None else {"root": str(output.root)}
