"""One scan with its output folder: what is stored enters, what runs is stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype.bids.corrections import Corrections
from spineps_nipype.models.engine_choice import choose_engine
from spineps_nipype.results.plan import ScanPlan
from spineps_nipype.results.record import PHASES, Models
from spineps_nipype.spineps.settings import OverrideSettings, PipelineSettings

from .outputs import init_outputs_wf
from .spineps import OUTPUTS, init_spineps_wf

logger = logging.getLogger(__name__)


def log_plan(scan: str | Path, plan: ScanPlan) -> None:
    """Say for each phase of a scan whether its stored result is used, and why."""
    for step in plan:
        logger.info("%s: %s: %s (%s)", Path(scan).name, step.phase, step.action, step.why)


def init_scan_wf(
    *,
    in_file: str | Path,
    paths: Mapping[str, Path],
    plan: ScanPlan,
    models: Models,
    settings: PipelineSettings | None = None,
    override: OverrideSettings | None = None,
    metadata: Mapping[str, Any] | None = None,
    corrections: Corrections | None = None,
    out_root: Path | None = None,
    device: str = "cpu",
    name: str = "scan_wf",
    **options: Any,
) -> pe.Workflow:
    """Carry out the plan of a scan and store the results.

    Workflow Graph
        .. workflow::
            :graph2use: orig
            :simple_form: yes

            from pathlib import Path
            from spineps_nipype.models.lookup import find_package
            from spineps_nipype.results.record import PHASES
            from spineps_nipype.results.plan import OUTPUT_KEYS, ScanPlan, Step, StoredResults
            from spineps_nipype.workflows.scan import init_scan_wf
            wf = init_scan_wf(
                in_file="/bids/sub-01/anat/sub-01_T2w.nii.gz",
                paths={key: Path(f"/out/{key}.nii.gz") for key in OUTPUT_KEYS.values()},
                plan=ScanPlan(tuple(Step(p, "run", "new") for p in PHASES), StoredResults()),
                models={k: find_package("auto", k) for k in ("semantic", "instance", "labeling")},
            )

    Parameters
    ----------
    in_file
        The scan.
    paths
        Output paths by the keys of SPINEPS.
    plan
        Which phases run, from `plan_scan` with the same settings and models.
    models
        Model packages by kind: semantic, instance, labeling.
    settings, override
        Options of all phases, and which of them run in any case.
    metadata
        Further entries of all sidecars.
    corrections
        What a reader corrected.
    out_root
        Root of the output dataset.
    device
        Where networks run.
    name
        Name of the workflow; it names the folder in the work folder.
    **options
        Further arguments of `init_spineps_wf`.

    Returns
    -------
    pipeline.Workflow
        Sub-workflows ``spineps_wf`` (computes) and ``outputs_wf`` (stores).
    """
    log_plan(in_file, plan)
    settings = settings or PipelineSettings()
    settings = replace(settings, engine=choose_engine(settings.engine, device))
    override = override or OverrideSettings()
    workflow = pe.Workflow(name=name)
    inputnode = pe.Node(IdentityInterface(fields=["in_file"]), name="inputnode")
    inputnode.inputs.in_file = str(in_file)
    spineps_wf = init_spineps_wf(
        semantic_model=models["semantic"],
        instance_model=models["instance"],
        labeling_model=models.get("labeling"),
        settings=settings,
        override=override,
        stored=plan.stored,
        corrections=corrections,
        device=device,
        **options,
    )
    outputs_wf = init_outputs_wf(
        paths=paths,
        phases=[phase for phase in PHASES if plan.runs(phase)],
        settings=settings,
        models=models,
        metadata={**(metadata or {}), "Device": device, "Engine": settings.engine.engine},
        out_root=out_root,
        copies=plan.copies,
        corrections=corrections.digests() if corrections else None,
    )
    workflow.connect(inputnode, "in_file", spineps_wf, "inputnode.in_file")
    workflow.connect(inputnode, "in_file", outputs_wf, "inputnode.scan")
    for result in OUTPUTS:
        workflow.connect(spineps_wf, f"outputnode.{result}", outputs_wf, f"inputnode.{result}")
    return workflow
