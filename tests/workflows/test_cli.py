from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from spineps_nipype import __version__
from spineps_nipype.settings import flat_values
from spineps_nipype.spineps.settings import PipelineSettings
from spineps_nipype.workflows.cli import build_parser, main, options_from
from spineps_nipype.workflows.options.overrides import override_flags
from spineps_nipype.workflows.options.run_options import (
    Folders,
    MachineRequest,
    ModelChoice,
    ResultPolicy,
    RunBehaviour,
    RunOptions,
    ScanSelection,
    Scheduling,
    Task,
)

PLACES = ["/bids", "/out", "participant"]


def parse(*arguments: str) -> RunOptions:
    return options_from(build_parser().parse_args([*PLACES, *arguments]))


def test_defaults_are_those_of_the_settings() -> None:
    options = parse()
    assert options == RunOptions(Folders(Path("/bids"), Path("/out")))
    assert options.settings == PipelineSettings()
    assert options.results.override == ()


@pytest.mark.parametrize("name", sorted(PipelineSettings().flat()))
def test_every_setting_can_be_changed(name: str) -> None:
    """Each option has a flag, and the flag changes just that option."""
    default = PipelineSettings().flat()[name]
    flag = "--" + name.replace("_", "-")
    if isinstance(default, bool):
        arguments = [flag.replace("--", "--no-") if default else flag]
        expected: object = not default
    else:
        words = {
            "numerics": "spineps-2.1.3",
            "auto_crop_to_spine": "no",
            "poi_points": "bodies",
            "proc_sem_step_size": 0.25,
            "crop_box": "0:9,:,2:",
            "tta": None,
            "engine": "torch",
            "precision": "bfloat16",
            "tiles": "spine",
        }
        expected = words[name] if name in words else default + 1
        arguments = [flag, str(expected)]
        if name == "tta":
            arguments, expected = ["--no-tta"], False
    changed = parse(*arguments).settings.flat()
    assert changed == {**PipelineSettings().flat(), name: expected}


@pytest.mark.parametrize("name", [name for name, _ in override_flags()])
def test_overrides(name: str) -> None:
    assert parse("--" + name.replace("_", "-")).results.override == (name,)


def test_a_shared_option_goes_to_all_its_groups() -> None:
    settings = parse("--no-proc-fill-3d-holes").settings
    assert settings.semantic.proc_fill_3d_holes is False
    assert settings.instance.proc_fill_3d_holes is False


def test_the_other_options() -> None:
    options = parse(
        *("--participant-label", "a", "sub-b", "--session-label", "1"),
        *("--modalities", "T2w", "ct", "--bids-filter-file", "/f.json", "-w", "/work"),
        *("--nprocs", "4", "--omp-nthreads", "2", "--mem-gb", "7.5", "--device", "cpu"),
        *("--plugin", "Linear", "--model-semantic", "x", "--model-labeling", "none"),
        *("--reuse", "any", "--average-4d", "--ignore-bids-filter"),
        *("--stop-on-first-crash", "--dry-run", "-vv"),
    )
    assert options == RunOptions(
        Folders(Path("/bids"), Path("/out"), Path("/work")),
        Task(dry_run=True),
        ScanSelection(
            participant_label=("a", "sub-b"),
            session_label=("1",),
            modalities=("T2w", "ct"),
            bids_filter_file=Path("/f.json"),
            ignore_bids_filter=True,
            average_4d=True,
        ),
        ModelChoice(model_semantic="x", model_labeling="none"),
        MachineRequest(device="cpu", nprocs=4, omp_nthreads=2, mem_gb=7.5),
        Scheduling(plugin="Linear"),
        ResultPolicy(reuse="any"),
        RunBehaviour(stop_on_first_crash=True, verbose=2),
    )


def test_every_option_of_a_run_has_a_name_of_its_own() -> None:
    """Names are flat on the command line and in the files of a run, whatever the parts."""
    options = parse()
    parts = [getattr(options, part.name) for part in fields(options)]
    names = [name for part in parts for name in flat_values(part)]
    assert len(names) == len(set(names))
    given = vars(build_parser().parse_args(PLACES))
    assert set(names) - set(given) == {"level", "override", "output_same_shape_as_input"}


@pytest.mark.parametrize(
    "value", ["--partition=a_b", "--account a_b --time=5", "-p gpu", "--gres=gpu:a100:1"]
)
@pytest.mark.parametrize("apart", [True, False])
def test_options_of_sbatch_look_like_options(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, apart: bool
) -> None:
    taken: list[RunOptions] = []
    monkeypatch.setattr(
        "spineps_nipype.workflows.app.pipelines.run_pipelines", lambda o: taken.append(o) or 0
    )
    words = ["--sbatch-args", value] if apart else [f"--sbatch-args={value}"]
    assert main([str(tmp_path), str(tmp_path / "out"), "participant", *words]) == 0
    assert taken[0].scheduling.sbatch_args == value


def test_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    options = options_from(build_parser().parse_args(["bids", "out", "participant"]))
    assert options.folders.bids_dir == tmp_path / "bids"
    assert options.folders.work_folder.is_relative_to(tmp_path / "out")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["/bids", "/out"],
        ["/bids", "/out", "group"],
        [*PLACES, "--nprocs", "0"],
        [*PLACES, "--mem-gb", "-1"],
        [*PLACES, "--no-such-flag"],
        [*PLACES, "--numerics", "other"],
        [*PLACES, "--plugin", "SLURMX"],
        [*PLACES, "--device", "cudda"],
        [*PLACES, "--crop-box", "1:2,3"],
    ],
)
def test_wrong_usage_ends_with_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for name in PipelineSettings().flat():
        assert "--" + name.replace("_", "-") in text
    assert not re.search(r"%[(\w]", text)


def test_stopped_before_anything_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("spineps_nipype.workflows.app.pipelines.run_pipelines", stop)
    assert main([str(tmp_path), str(tmp_path / "out"), "participant"]) == 1
    assert capsys.readouterr().out.strip() == "Nothing was run: it was stopped."
