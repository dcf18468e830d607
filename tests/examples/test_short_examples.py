"""The short examples run: the array with a stand-in for the program, the notebook cell by cell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import matplotlib
import nibabel as nib
import numpy as np
import pytest

from examples.look import layers, read_table
from spineps_nipype.bids.bids_layout import bids_paths
from spineps_nipype.bids.dataset_description import describe_dataset
from spineps_nipype.core.colours import vertebra_colours
from spineps_nipype.workflows.cli import build_parser, options_from

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def script(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/bash\n{text}\n")
    (folder / name).chmod(0o755)


def test_a_task_of_the_array_segments_its_subject(tmp_path: Path) -> None:
    """What it calls is understood, and its work folder is gone afterwards, also on failure."""
    script(tmp_path, "spineps-wf", 'printf "%s\\n" "$@" > called; touch "$6/node"; exit 3')
    (tmp_path / "subjects.txt").write_text("01\n02\n03\n")
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_ARRAY_TASK_ID": "1",
        "BIDS": "/data/bids",
        "OUT": "/data/out",
        "TMPDIR": str(tmp_path),
    }
    command = ["bash", str(EXAMPLES / "slurm_array.sh")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 3  # the task failed, and the queue shows it
    words = (tmp_path / "called").read_text().split()
    options = options_from(build_parser().parse_args(words))
    assert options.selection.participant_label == ("02",)
    assert options.folders.work_folder.parent == tmp_path
    assert not list(tmp_path.glob("spineps-??????"))


def snakefile() -> str:
    return (EXAMPLES / "Snakefile").read_text("utf-8")


def test_the_rule_of_snakemake_calls_what_makes_its_outputs() -> None:
    lines = re.findall(r'^        "(.*)"$', snakefile().partition("shell:\n")[2], re.MULTILINE)
    filled = "".join(lines)
    for form, value in (
        ("{params.bids}", "/bids"),
        ("{params.out}", "/out"),
        ("{wildcards.subject}", "01"),
        ("{threads}", "4"),
        ("{resources.mem_mb}", "8000"),
    ):
        assert form in filled
        filled = filled.replace(form, value)
    program, *words = filled.split()
    options = options_from(build_parser().parse_args(words))
    assert program == "spineps-wf"
    assert options.machine.mem_gb == 8
    assert options.results.output_layout == "bids"
    paths = bids_paths("/bids/sub-01/anat/sub-01_T2w.nii.gz", "/bids", "/out")
    made = re.findall(r'\w+=OUT / "(.*)"', snakefile())
    names = {Path("/out", name.replace("{subject}", "01")) for name in made}
    assert names == {paths["out_vert"], paths["out_spine"]}


@pytest.mark.skipif(shutil.which("snakemake") is None, reason="snakemake is not installed")
def test_snakemake_plans_a_job_a_subject(tmp_path: Path) -> None:
    for subject in ("01", "02"):
        scan = tmp_path / f"bids/sub-{subject}/anat/sub-{subject}_T2w.nii.gz"
        scan.parent.mkdir(parents=True)
        scan.write_text("")
    command = ["snakemake", "-n", "-s", str(EXAMPLES / "Snakefile"), "--config"]
    command += [f"bids={tmp_path / 'bids'}", f"out={tmp_path / 'out'}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.search(r"segment\s+2", done.stdout)


@pytest.fixture
def results(tmp_path: Path) -> dict[str, Path]:
    """A scan and its mask (L1 and L2), and the tables of an output folder."""
    affine = np.array([[0, 0, 3.0, 0], [-1, 0, 0, 9], [0, -1, 0, 90], [0, 0, 0, 1]])
    mask = np.zeros((12, 30, 5), np.uint8)
    mask[3:9, 2:12, 1:4], mask[3:9, 15:25, 1:4] = 20, 21
    grey = np.random.default_rng(0).normal(size=mask.shape).astype(np.float32)
    files = {"SCAN": tmp_path / "scan.nii.gz", "MASK": tmp_path / "mask.nii.gz", "OUT": tmp_path}
    nib.save(nib.Nifti1Image(grey, affine), files["SCAN"])
    nib.save(nib.Nifti1Image(mask, affine), files["MASK"])
    describe_dataset(tmp_path, tmp_path / "bids")
    return files


def test_layers_for_napari(results: dict[str, Path]) -> None:
    table = results["OUT"] / "seg-vert_dseg.tsv"
    red, green, blue = vertebra_colours()[20][1]
    assert read_table(table)[20] == ("L1", f"#{red:02x}{green:02x}{blue:02x}")
    image, labels = layers(results["SCAN"], results["MASK"], table)
    assert image["data"].shape == labels["data"].shape == (5, 12, 30)  # from left to right
    assert image["scale"] == labels["scale"] == (3, 1, 1)
    assert set(labels["colormap"]) == {None, 20, 21}
    assert labels["features"]["name"] == ["", "L1", "L2"]


def test_the_notebook_runs_from_top_to_bottom(
    results: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    matplotlib.use("Agg")
    for name, path in results.items():
        monkeypatch.setenv(name, str(path))
    notebook = json.loads((EXAMPLES / "look.ipynb").read_text("utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    space: dict[str, Any] = {}
    for cell in cells:
        exec(cell, space)
    assert space["volumes"] == {"L1": 0.54, "L2": 0.54}
    assert len(space["axes"].images) == 2
    space["plt"].close("all")
