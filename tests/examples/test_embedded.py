"""SPINEPS inside another pipeline: the example, and what it must not do to its parent."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nipype import config
from nipype.pipeline import engine as pe

from examples.embedded import init_anat_wf, init_subject_wf

from ..tiny_packages import write_packages, write_scan
from ..workflows.conftest import SETTINGS


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return dict(write_packages(tmp_path_factory.mktemp("models")))


def workflow_classes() -> list[Any]:
    found = [pe.Workflow]
    try:
        from niworkflows.engine.workflows import LiterateWorkflow
    except ImportError:
        reason = "niworkflows is not installed"
        return [*found, pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    return [*found, LiterateWorkflow]


def state() -> tuple[Any, ...]:
    """What a workflow could change behind the back of its parent."""
    parsed = {name: dict(config._config.items(name)) for name in config._config.sections()}
    levels = {n: logging.getLogger(n).level for n in ("", "nipype", "nipype.workflow")}
    return parsed, levels, list(logging.getLogger().handlers), dict(os.environ), os.getcwd()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("workflow_class", workflow_classes())
def test_two_instances_in_the_graph_of_another_pipeline(
    models: dict[str, Any], tmp_path: Path, workflow_class: type[pe.Workflow]
) -> None:
    runs = [write_scan(tmp_path / "in" / f"run{i}_T2w.nii.gz") for i in (1, 2)]
    out, work = tmp_path / "out", tmp_path / "their work"
    workflow = init_subject_wf("x", runs, out, work, models, SETTINGS, workflow_class)
    before = state()
    workflow.run(plugin="Linear")
    assert state() == before
    files = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert files == {
        "sub-x/sub-x_space-T2w_vertebrae.nii.gz",
        "sub-x/sub-x_space-T2w_points.json",
        "sub-x/sub-x_vertebrae.txt",
    }
    labels = np.unique(nib.load(out / "sub-x/sub-x_space-T2w_vertebrae.nii.gz").dataobj)
    names = [int(v) for v in labels if 0 < v < 26]
    assert int((out / "sub-x/sub-x_vertebrae.txt").read_text()) == len(names) == 4
    anat = work / "single_subject_x_wf" / "anat_wf"
    with_names = {p.name for p in (anat / "spine_wf").iterdir()}
    without = {p.name for p in (anat / "quick_wf").iterdir()}
    assert with_names - without == {"label_vertebrae"}
    assert {p.name for p in tmp_path.iterdir()} == {"in", "out", "their work"}
    # The parent's cache rules do not reach into SPINEPS: touched inputs make nothing run there.
    stamp = anat / "spine_wf" / "semantic" / "result_semantic.pklz"
    written = stamp.stat().st_mtime_ns
    for run in runs:
        run.touch()
    init_subject_wf("x", runs, out, work, models, SETTINGS, workflow_class).run(plugin="Linear")
    assert stamp.stat().st_mtime_ns == written


def test_building_a_graph_changes_nothing(tmp_path: Path) -> None:
    """Also with the packages that come with the installation, found by name."""
    before = state()
    workflow = init_anat_wf(subject="x", output_dir=tmp_path)
    assert state() == before
    names = workflow.list_node_names()
    assert "spine_wf.label_vertebrae" in names
    assert "quick_wf.label_vertebrae" not in names
    assert workflow.get_node("spine_wf.preprocess").inputs.proc_sem_n4_bias_correction is True
    assert workflow.get_node("quick_wf.preprocess").inputs.proc_sem_n4_bias_correction is False
    assert list(tmp_path.iterdir()) == []
