"""Options of the systems beside SPINEPS, from the command line and from a file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from spineps_nipype.workflows.app.pipelines import joint_status, options_of
from spineps_nipype.workflows.cli import build_parser, options_from
from spineps_nipype.workflows.options.config_file import config_text, parse_with_config
from spineps_nipype.workflows.options.other_systems import SisterOptions
from spineps_nipype.workflows.options.run_options import RunOptions


def parsed(*words: str) -> RunOptions:
    return options_from(build_parser().parse_args(["/bids", "/out", "participant", *words]))


def test_defaults() -> None:
    options = parsed()
    assert options.pipelines == ()
    assert options.sister == SisterOptions()


def test_every_option_arrives(tmp_path: Path) -> None:
    words = (
        *("--pipeline", "totalspineseg", "sc-epi", "totalspineseg", "--sister-numerics"),
        *("original", "--step1", "--iso", "--keep-only", "input", "step1_cord", "--release"),
        *("r20260730", "--loc", "/loc", "--loc-suffix", "_iso", "--image-suffix", "_a", "_b"),
        *("--thr", "0.4", "--largest", "--remove-small", "1mm3", "2mm3", "--on-4d", "each"),
        *("--epi-tta", "--no-qc", "--qc-plane", "Sagittal", "--only-2class", "--slice-batch"),
        *("2", "--naming", "shift", "--no-allow-t13", "--override-sc-epi", "--numerics", "seed"),
    )
    options = parsed(*words)
    sister = options.sister
    assert options.pipelines == ("totalspineseg", "sc-epi")
    assert sister.totalspineseg.kept() == {"input", "step1_cord"}
    assert (sister.totalspineseg.step1, sister.totalspineseg.iso) == (True, True)
    assert {sister.totalspineseg.numerics, sister.epi.numerics, sister.slices.numerics} == {
        "original"
    }
    assert (sister.loc, sister.image_suffix) == (Path("/loc"), ("_a", "_b"))
    assert sister.epi.clean_up.remove_small == "1mm3 2mm3"
    assert (sister.epi.clean_up.thr, sister.epi.on_4d, sister.epi.tta) == (0.4, "each", True)
    assert (sister.slices.only_2class, sister.slices.naming.naming) == (True, "shift")
    assert options.override == {"override_sc_epi"}

    # What a run writes down gives the same options again.
    text = config_text(options)
    assert tomllib.loads(text)["systems"]["release"] == "r20260730"
    path = tmp_path / "config.toml"
    path.write_text(text)
    again = parse_with_config(
        build_parser(), ["/bids", "/out", "participant", "--config-file", str(path)]
    )
    assert options_from(again).sister == sister
    assert options_from(again).settings == options.settings
    assert options_from(again).override == options.override


def test_each_system_works_in_its_own_folders() -> None:
    own = options_of(parsed("--pipeline", "sc-epi"), "sc-epi")
    assert own.output_dir == Path("/out/sc-epi")
    assert own.work_folder == Path("/out/work/sc-epi")


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([0, 0], 0), ([0, 1], 3), ([1, 1], 1), ([3, 0], 3), ([0, 2], 2), ([3, 1], 3)],
)
def test_exit_status_of_several_systems(statuses: list[int], status: int) -> None:
    assert joint_status(statuses) == status
