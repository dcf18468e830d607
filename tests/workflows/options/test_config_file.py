"""Values of the command line, and the file that says them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from spineps_nipype.workflows.cli import build_parser, main, options_from
from spineps_nipype.workflows.options.config_file import config_text, parse_with_config
from spineps_nipype.workflows.options.run_options import RunOptions
from spineps_nipype.workflows.options.value_types import count, memory, named_folder

PLACES = ["/bids", "/out", "participant"]


def parse(*arguments: str) -> RunOptions:
    return options_from(parse_with_config(build_parser(), [*PLACES, *arguments]))


@pytest.mark.parametrize(
    ("text", "gigabytes"),
    [("8G", 8), ("8g", 8), ("8GB", 8), ("8000M", 8), ("8000", 8), ("1.5G", 1.5), ("0.5T", 500)],
)
def test_memory(text: str, gigabytes: float) -> None:
    assert memory(text) == pytest.approx(gigabytes)
    assert parse("--mem", text).machine.mem_gb == pytest.approx(gigabytes)


@pytest.mark.parametrize("text", ["", "G", "8X", "-8G", "lots", "8", "100M"])
def test_memory_that_is_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=repr(text)):
        memory(text)


def test_a_bare_number_is_megabytes_and_says_so() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"'16' is 16 MB.*did you mean 16G"):
        memory("16")


def test_named_folders() -> None:
    assert named_folder("mine=/a/b") == ("mine", Path("/a/b"))
    assert named_folder("/a/my-corrections") == ("mycorrections", Path("/a/my-corrections"))
    with pytest.raises(argparse.ArgumentTypeError, match="NAME=PATH"):
        named_folder("/")
    with pytest.raises(argparse.ArgumentTypeError, match="'x'"):
        count("x")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nprocs", "0"], "argument --nprocs: '0' is not"),
        (["--mem", "much"], "argument --mem: 'much' is no amount"),
        (["--gpu-procs", "two"], "argument --gpu-procs: 'two'"),
        (["--bids-filter-file", "/no/f.json"], "--bids-filter-file: there is no file /no/f.json"),
        (["--manual-labels", "/no/f.tsv"], "--manual-labels: there is no file /no/f.tsv"),
        (["-d", "mine=/no/where"], "-d/--derivatives: mine=/no/where is no folder"),
        (["-d", "raw=/"], "-d/--derivatives: raw=/: the name is taken"),
        (["-d", "a=/", "-d", "a=/tmp"], "-d/--derivatives: a=/tmp: the name is taken"),
        (["--models-dir", "/no/models"], "--models-dir: there is no folder /no/models"),
        (["--config-file", "/no/c.toml"], "--config-file /no/c.toml: the file cannot be read"),
        (["--plugin", "PBSX"], "argument --plugin: invalid choice: 'PBSX'"),
        (["--modalities", "T2w", "xray"], "argument --modalities: There is no modality 'xray'"),
        (["--crop-box", "1:2,3"], "argument --crop-box: '1:2,3' is no box"),
        (["--keep-only", "all"], "argument --keep-only: unknown output folders: all"),
        (["--proc-sem-step-size", "3"], "--proc-sem-step-size: 3.0 is not from 0.01 to 1"),
        (["--proc-pad-size", "-3"], "argument --proc-pad-size: -3 is not 0 or more"),
        (["--thr", "7"], "argument --thr: 7.0 is not from 0 to 1"),
        (["--loc", "/no/loc"], "argument --loc: there is nothing at /no/loc"),
    ],
)
def test_errors_name_the_option_and_its_value(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path), str(tmp_path / "out"), "participant", *arguments])
    assert stop.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_dataset_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["/no/bids", "/out", "participant"])
    assert "BIDS_DIR: the folder /no/bids does not exist" in capsys.readouterr().err


def test_what_a_run_writes_is_what_it_was_asked(tmp_path: Path) -> None:
    asked = parse(
        *("--participant-label", "a", "b", "--exclude-participant-label", "c", "-vv"),
        *("--session-label", "1", "--modalities", "T2w", "ct", "--mem", "7500M", "--low-mem"),
        *("--bids-filter-file", "/f.json", "-d", "mine=/m", "other=/o", "--no-tta"),
        *("--manual-labels", "/l.tsv", "--crop-box", "0:9,:,2:", "--override-ctd"),
        *("--plugin", "Linear", "--nprocs", "3", "--model-labeling", "none", "-w", "/work"),
        *("--skip-bids-validation", "--numerics", "spineps-2.1.3"),
        *("--proc-pad-size", "7", "--no-proc-normalize-input", "--write-graph"),
    )
    file = tmp_path / "config.toml"
    file.write_text(config_text(asked))
    assert parse("--config-file", str(file)) == asked


def test_the_command_line_wins(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('nprocs = 3\nmem = "4G"\n[anything]\nmodalities = ["ct"]\nlow-mem = true\n')
    options = parse("--config-file", str(file), "--nprocs", "5")
    assert (options.machine.nprocs, options.machine.low_mem) == (5, True)
    assert options.selection.modalities == ("ct",)
    assert options.settings.instance.proc_inst_batch_size == 1


def test_a_list_may_be_given_in_parts(tmp_path: Path) -> None:
    """Nothing that was asked for is lost; what a file or a default says is not added."""
    file = tmp_path / "c.toml"
    file.write_text('participant_label = ["c"]\nsession_label = ["1", "2"]\n')
    words = ("--participant-label", "a", "-d", "x=/x", "--participant-label", "b", "-d", "y=/y")
    options = parse("--config-file", str(file), *words, "--modalities", "ct")
    assert options.selection.participant_label == ("a", "b")
    assert options.selection.session_label == ("1", "2")
    assert [name for name, _ in options.results.derivatives] == ["x", "y"]
    assert options.selection.modalities == ("ct",)


def test_a_key_that_is_not_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It stands in files that former versions wrote."""
    file = tmp_path / "c.toml"
    file.write_text('bids_database_dir = "/db"\nnprocs = 3\n')
    assert parse("--config-file", str(file)).machine.nprocs == 3
    assert "--bids-database-dir is left out" in capsys.readouterr().err


def test_paths_in_a_file_are_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('work_dir = "work"\n')
    assert parse("--config-file", str(file)).folders.work_dir == tmp_path / "work"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nproc = 3", "no option 'nproc'; nprocs?"),
        ("nprocs = 0", "argument --nprocs: '0'"),
        ("low_mem = 3", "low_mem = 3 is neither true nor false"),
        ("device = ['a', 'b']", "device takes one value"),
        ("nprocs = ", "cannot be read"),
        ("bids_dir = '/b'", "no option 'bids_dir'"),
    ],
)
def test_errors_in_a_file_name_it(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(SystemExit) as stop:
        parse("--config-file", str(file))
    assert stop.value.code == 2
    error = " ".join(capsys.readouterr().err.split())
    assert words in error
    assert str(file) in error


def test_debug_is_for_finding_faults() -> None:
    options = parse("--debug")
    behaviour = options.behaviour
    assert options.scheduling.plugin == "Linear"
    assert (behaviour.verbose, behaviour.stop_on_first_crash) == (2, True)
