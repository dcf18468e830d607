"""SPINEPS as a part of another pipeline, which has its own names, folders and configuration.

The parent is made like those of fMRIPrep: a workflow for a subject, in it an anatomical branch
that averages the runs of a scan, hands the result to SPINEPS twice (once with names of vertebrae,
once quickly for a count), and sinks what it wants under names of its own.

    python examples/embedded.py OUTPUT_DIR sub-01_run-1_T2w.nii.gz sub-01_run-2_T2w.nii.gz
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nipype.interfaces.io import ExportFile
from nipype.interfaces.utility import Function, IdentityInterface
from nipype.pipeline import engine as pe

from spineps_nipype.spineps.settings import PipelineSettings
from spineps_nipype.workflows.spineps import init_spineps_wf


def average_runs(in_files: list[str]) -> str:
    """Mean of images on one grid; a node of the parent."""
    from pathlib import Path

    import nibabel as nib
    import numpy as np

    images = [nib.load(path) for path in in_files]
    mean = np.mean([image.get_fdata(dtype=np.float32) for image in images], axis=0)
    path = Path.cwd() / "mean.nii.gz"
    nib.save(nib.Nifti1Image(mean, images[0].affine), path)
    return str(path)


def count_vertebrae(vert: str) -> str:
    """Write how many vertebrae a mask has; a node of the parent."""
    from pathlib import Path

    import nibabel as nib
    import numpy as np

    labels = np.unique(np.asarray(nib.load(vert).dataobj))
    path = Path.cwd() / "count.txt"
    path.write_text(f"{int(((labels > 0) & (labels < 26) | (labels == 28)).sum())}\n")
    return str(path)


def init_anat_wf(
    *,
    subject: str,
    output_dir: Path,
    models: dict[str, Any] | None = None,
    settings: PipelineSettings | None = None,
    workflow_class: type[pe.Workflow] = pe.Workflow,
    name: str = "anat_wf",
) -> pe.Workflow:
    """Anatomical branch of a subject.

    Parameters
    ----------
    subject
        Label of the subject.
    output_dir
        Where its sinks write.
    models
        Model packages, ids or folders, by kind; the ones that come with the package by default.
    settings
        Options of the phases for the instance with names.
    workflow_class
        Kind of workflow, as niworkflows' LiterateWorkflow.
    name
        Name of the workflow.

    Inputs
    ------
    t2w
        Runs of a T2w scan, on one grid.
    """
    chosen = {"semantic": "auto", "instance": "auto", "labeling": "auto", **(models or {})}
    workflow = workflow_class(name=name)
    inputnode = pe.Node(IdentityInterface(fields=["t2w"]), name="inputnode")
    average = pe.Node(Function(function=average_runs, output_names=["out_file"]), name="average")
    workflow.connect(inputnode, "t2w", average, "in_files")

    spine_wf = init_spineps_wf(
        semantic_model=chosen["semantic"],
        instance_model=chosen["instance"],
        labeling_model=chosen["labeling"],
        settings=settings,
        omp_nthreads=2,
        name="spine_wf",
    )
    quick = PipelineSettings.from_flat(
        {"proc_sem_n4_bias_correction": False, "proc_sem_step_size": 0.9}
    )
    quick_wf = init_spineps_wf(
        semantic_model=chosen["semantic"],
        instance_model=chosen["instance"],
        labeling_model=None,
        settings=quick,
        name="quick_wf",
    )
    for embedded in (spine_wf, quick_wf):
        workflow.connect(average, "out_file", embedded, "inputnode.in_file")

    count = pe.Node(Function(function=count_vertebrae, output_names=["out_file"]), name="count")
    workflow.connect(quick_wf, "outputnode.vert", count, "vert")
    for name_, source, field, stem in (
        ("ds_vertebrae", spine_wf, "outputnode.vert", "space-T2w_vertebrae.nii.gz"),
        ("ds_points", spine_wf, "outputnode.poi", "space-T2w_points.json"),
        ("ds_count", count, "out_file", "vertebrae.txt"),
    ):
        path = output_dir / f"sub-{subject}" / f"sub-{subject}_{stem}"
        sink = pe.Node(
            ExportFile(out_file=str(path), check_extension=False, clobber=True),
            name=name_,
            run_without_submitting=True,
        )
        workflow.connect(source, field, sink, "in_file")
    return workflow


def init_subject_wf(
    subject: str,
    t2w: Sequence[Path],
    output_dir: Path,
    work_dir: Path,
    models: dict[str, Any] | None = None,
    settings: PipelineSettings | None = None,
    workflow_class: type[pe.Workflow] = pe.Workflow,
) -> pe.Workflow:
    """Workflow of a subject with a configuration of its own."""
    (output_dir / f"sub-{subject}").mkdir(parents=True, exist_ok=True)
    workflow = workflow_class(name=f"single_subject_{subject}_wf")
    workflow.base_dir = str(work_dir)
    workflow.config["execution"] = {
        "crashdump_dir": str(output_dir / f"sub-{subject}" / "log"),
        "crashfile_format": "txt",
        "hash_method": "timestamp",  # of the parent's nodes; SPINEPS keeps its own
        "remove_unnecessary_outputs": "true",
    }
    anat_wf = init_anat_wf(
        subject=subject,
        output_dir=output_dir,
        models=models,
        settings=settings,
        workflow_class=workflow_class,
    )
    anat_wf.inputs.inputnode.t2w = [str(path) for path in t2w]
    workflow.add_nodes([anat_wf])
    return workflow


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output_dir", type=Path)
    parser.add_argument("t2w", type=Path, nargs="+", help="runs of one scan, on one grid")
    parser.add_argument("--subject", default="01")
    arguments = parser.parse_args()
    output_dir = arguments.output_dir.absolute()
    runs = [path.absolute() for path in arguments.t2w]
    workflow = init_subject_wf(arguments.subject, runs, output_dir, output_dir / "work")
    workflow.run()


if __name__ == "__main__":
    main()
