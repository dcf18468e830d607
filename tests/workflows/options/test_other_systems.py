"""Options of the systems beside SPINEPS, from the command line and from a file."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.sc_epi.settings import CleanUpSettings, EpiSegSettings, ScEpiOptions
from spineps_nipype.settings import Option, choices, flat_values, options_of, with_values
from spineps_nipype.spine_segmentation.settings import (
    NamingSettings,
    SpineSegmentationOptions,
)
from spineps_nipype.totalspineseg.settings import TotalSpineSegOptions
from spineps_nipype.workflows.app.pipelines import joint_status, of_system
from spineps_nipype.workflows.cli import build_parser, options_from
from spineps_nipype.workflows.commands import sc_epi
from spineps_nipype.workflows.options.config_file import config_text, parse_with_config
from spineps_nipype.workflows.options.run_options import RunOptions
from spineps_nipype.workflows.options.setting_flags import flag_of, flagged, spelled, stated

SYSTEMS = {
    "totalspineseg": TotalSpineSegOptions,
    "sc_epi": ScEpiOptions,
    "spine_segmentation": SpineSegmentationOptions,
}
EVERY_OPTION = [
    pytest.param(system, key, option, id=f"{system}-{key}")
    for system, options in SYSTEMS.items()
    for key, option in flagged(options).items()
]
OTHER: dict[str, tuple[list[str], Any]] = {
    "image_suffix": (["_a", "_b"], ("_a", "_b")),
    "keep_only": (["input", "step1_cord"], "input,step1_cord"),
    "remove_small": (["1mm3", "2mm3"], "1mm3 2mm3"),
    "thr": (["0.25"], 0.25),
}
"""Words of the command line, and the value that they mean, of lists and options left open."""


def parsed(*words: str) -> RunOptions:
    return options_from(build_parser().parse_args(["/bids", "/out", "participant", *words]))


def from_file(path: Path, text: str) -> RunOptions:
    path.write_text(text)
    words = ["/bids", "/out", "participant", "--config-file", str(path)]
    return options_from(parse_with_config(build_parser(), words))


def another(key: str, option: Option) -> tuple[list[str], Any]:
    """A flag with its words, and the value that it sets: another than the default."""
    flag, default = flag_of(option), option.field.default
    if key in OTHER:
        return [flag, *OTHER[key][0]], OTHER[key][1]
    if option.kind is bool:
        return [flag.replace("--", "--no-") if default else flag], not default
    if choices(option.kind):
        value: Any = next(word for word in choices(option.kind) if word != default)
    elif key.endswith("numerics"):
        value = "corrected,integer_voxels" if key != "sc_epi_numerics" else "original"
    elif option.kind is str:
        value = "text"
    elif default is None:
        value = Path("/some/where")
    else:
        value = default + 1
    return [flag, str(value)], value


def test_defaults() -> None:
    options = parsed()
    assert options.task.pipelines == ()
    assert {name: type(getattr(options, name)) for name in SYSTEMS} == SYSTEMS
    assert all(getattr(options, name) == kind() for name, kind in SYSTEMS.items())
    assert options.spine_segmentation.settings.output_same_shape_as_input


@pytest.mark.parametrize(("system", "key", "option"), EVERY_OPTION)
def test_an_option_changes_itself_and_nothing_else(
    tmp_path: Path, system: str, key: str, option: Option
) -> None:
    """By its flag, and by the file that such a run writes."""
    words, value = another(key, option)
    options = parsed(*words)
    assert flat_values(options) == {**flat_values(parsed()), key: value}
    assert getattr(options, system) == with_values(SYSTEMS[system](), {key: value})
    text = config_text(options)
    assert tomllib.loads(text)["systems"][key] == spelled(option, value)
    assert from_file(tmp_path / "config.toml", text) == options


def test_every_option_says_what_it_does() -> None:
    for options in SYSTEMS.values():
        assert all(option.field.metadata["help"] for option in options_of(options).values())


def test_words_there_and_back() -> None:
    folders = options_of(TotalSpineSegOptions)["keep_only"]
    assert spelled(folders, "input, step1_cord,") == ["input", "step1_cord"]
    assert stated(folders, ["input", "step1_cord"]) == "input,step1_cord"
    assert spelled(folders, "") == []


def test_several_systems() -> None:
    options = parsed(
        *(
            "--pipeline",
            "totalspineseg",
            "sc-epi",
            "totalspineseg",
        ),
        *("--totalspineseg-numerics", "original", "--numerics", "seed"),
    )
    assert options.task.pipelines == ("totalspineseg", "sc-epi")
    assert options.settings.numerics == "seed"
    assert options.totalspineseg.settings.numerics == "original"
    assert options.sc_epi.settings.numerics == "corrected"


def test_each_system_works_in_its_own_folders() -> None:
    own = of_system(parsed("--pipeline", "sc-epi"), "sc-epi")
    assert own.folders.output_dir == Path("/out/sc-epi")
    assert own.folders.work_folder == Path("/out/work/sc-epi")


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ([], EpiSegSettings()),
        (
            ["-thr", "0.4", "-largest", "1", "-remove-small", "1mm3", "5vox", "-fill-holes", "0"],
            EpiSegSettings(CleanUpSettings(thr=0.4, largest=True, remove_small="1mm3 5vox")),
        ),
        (
            ["-test-time-aug", "-numerics", "original", "-on-4d", "each"],
            EpiSegSettings(tta=True, numerics="original", on_4d="each"),
        ),
    ],
)
def test_the_command_of_episeg_has_the_same_options(
    words: list[str], settings: EpiSegSettings
) -> None:
    arguments = sc_epi.build_parser().parse_args(["-i", "x.nii.gz", *words])
    assert sc_epi.settings_of(arguments) == settings


def test_groups_are_changed_where_they_stand() -> None:
    changed = parsed("--naming", "shift", "--no-allow-t13").spine_segmentation
    naming = NamingSettings(naming="shift", allow_t13=False)
    usual = SpineSegmentationOptions()
    assert changed == replace(usual, settings=replace(usual.settings, naming=naming))


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([0, 0], 0), ([0, 1], 3), ([1, 1], 1), ([3, 0], 3), ([0, 2], 2), ([3, 1], 3)],
)
def test_exit_status_of_several_systems(statuses: list[int], status: int) -> None:
    assert joint_status(statuses) == status
