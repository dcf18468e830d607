"""Inputs that fuzz tests and faults on purpose have found, as ordinary tests."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from spineps_nipype.bids.dataset_description import merge_description
from spineps_nipype.core.safe_names import safe_below
from spineps_nipype.core.text_files import whole_number
from spineps_nipype.errors import OutputError, ResourceError
from spineps_nipype.models.engine_choice import has_bfloat16
from spineps_nipype.results.proof import points_fault
from spineps_nipype.results.sidecar import read_record
from spineps_nipype.sc_epi.qc_report import DATASETS, PAGE, RECORDS, refresh
from spineps_nipype.spine_segmentation.results import read_result
from spineps_nipype.workflows.engine.available_resources import (
    available_cpus,
    available_memory_gb,
)
from spineps_nipype.workflows.engine.run_log import run_log
from spineps_nipype.workflows.engine.slurm.job import ANSWER, read_answer
from spineps_nipype.workflows.engine.slurm.options import SlurmOptions
from spineps_nipype.workflows.engine.usage_monitor import COLUMNS, read_usage

from .test_stored import POINTS

DEEP = "[" * 100_000


def test_digits_that_are_no_number() -> None:
    """They pass `str.isdigit`, and `int` refuses them."""
    assert whole_number("²") is None
    assert whole_number("9" * 5000) is None
    assert whole_number("07") == 7


@pytest.mark.parametrize("variable", ["SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU"])
def test_odd_limits_are_no_limits(tmp_path: Path, variable: str) -> None:
    (tmp_path / "cpu.max").write_text("100000 0")
    (tmp_path / "memory.max").write_text("-1")
    (tmp_path / "self").write_bytes(b"0::/\n\x80")
    where = (tmp_path, tmp_path / "self")
    assert available_cpus({"SLURM_CPUS_PER_TASK": "²"}, *where) >= 1
    assert available_memory_gb({variable: "²"}, *where, physical_gb=10) == 9
    assert not has_bfloat16("cpu", tmp_path / "self")


def test_a_log_that_cannot_be_opened_is_said_in_words(tmp_path: Path) -> None:
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(OutputError, match="could not be written"), run_log(tmp_path / "a" / "x"):
        pass
    assert logging.getLogger().handlers == handlers


@pytest.mark.parametrize("models", [[], {"semantic": 5}, {"semantic": {"id": "x"}}])
def test_a_record_that_is_none(tmp_path: Path, models: object) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"Provenance": {"Models": models}}))
    assert read_record(tmp_path / "x.nii.gz") is None
    (tmp_path / "x.json").write_text(json.dumps({"Provenance": {"Models": {}}}))
    assert read_record(tmp_path / "x.nii.gz") == {"Models": {}}


@pytest.mark.parametrize("header", [{"direction": None}, {"zoom": "x"}, {"rotation": [[1, 2]]}])
def test_points_without_a_grid_are_no_correction(
    tmp_path: Path, header: dict[str, object]
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(POINTS))
    assert not points_fault(path)
    path.write_text(json.dumps([{**POINTS[0], **header}, POINTS[1]]))
    assert "on which grid" in points_fault(path)


def test_a_deep_file_among_those_of_quality_control(tmp_path: Path) -> None:
    for name in (f"{RECORDS}/qc_1.json", DATASETS):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"x = {DEEP}")
    assert refresh(tmp_path) == tmp_path / PAGE


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04"])
def test_a_damaged_result_in_a_cache_is_made_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    assert read_result(tmp_path / "x.npz") is None


def test_a_damaged_answer_of_a_job_is_none(tmp_path: Path) -> None:
    (tmp_path / ANSWER).write_bytes(b"\x80\x04")
    assert read_answer(tmp_path) is None


def test_a_template_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.sh").write_bytes(b"\x80")
    with pytest.raises(ResourceError, match="template of job scripts"):
        SlurmOptions.from_plugin_args({"template": str(tmp_path / "x.sh")})


def test_the_folder_itself_is_not_below_it() -> None:
    assert safe_below(".") is None
    assert safe_below("") is None


def test_a_description_whose_generators_are_none() -> None:
    new = {"GeneratedBy": [{"Name": "spineps_nipype"}]}
    assert merge_description({"GeneratedBy": None}, new) == new


def test_half_a_line_of_the_usage(tmp_path: Path) -> None:
    table = tmp_path / "resources.tsv"
    table.write_text("\t".join(COLUMNS) + "\n1.0\t2\t30\t0.5\t0.2\n2.0\t2")
    assert [row["seconds"] for row in read_usage(table)] == [1.0]
