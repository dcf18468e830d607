"""Rules on trial: networks that remember, figures as rows, gains, the command."""

from __future__ import annotations

import math
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from TPTBox import NII

from benchmarks import ablation
from benchmarks.ablation import ON_TRIAL, numerics_without
from benchmarks.against_truth.scan import Result
from benchmarks.rules.gains import gain_of, table
from benchmarks.rules.in_memory import SYSTEMS, Remembering
from benchmarks.rules.trial import ALL_OFF, ALL_ON, Trial, read_trials, write_trials
from spineps_nipype.phantom import FieldOfView, generate, render, write_scan
from spineps_nipype.spine_segmentation import upstream as spine_segmentation
from spineps_nipype.spineps import upstream as spineps
from spineps_nipype.totalspineseg import upstream as totalspineseg

TABLES = {
    "spineps": spineps,
    "totalspineseg": totalspineseg,
    "spine-segmentation": spine_segmentation,
}
BASE = Trial("spineps", "mine", "sub-1_T2w", "1", ALL_ON, vertebra=0.9, found=7, names_right=7)


class Counting:
    """A network that counts how often it runs."""

    width = 3

    def __init__(self) -> None:
        self.runs = 0

    def predict(self, array: np.ndarray, *, step: float, **_told: object) -> np.ndarray:
        self.runs += 1
        return array + step


def test_the_rules_on_trial_are_switches() -> None:
    listed = tomllib.loads(ON_TRIAL.read_text())
    assert set(listed) == set(SYSTEMS) == set(TABLES)
    for system, rules in listed.items():
        names = {f.name for f in fields(TABLES[system].Upstream)}
        assert set(rules) <= names
        for rule in (ALL_ON, *rules, ALL_OFF):
            TABLES[system].upstream(numerics_without(rule, system))


def test_a_network_answers_the_same_input_once() -> None:
    counting = Counting()
    network = Remembering(counting)
    first = network.predict(np.zeros(3), step=1.0, progress=print)
    first += 5  # what rules do to an answer does not change the next one
    assert network.predict(np.zeros(3), step=1.0).tolist() == [1, 1, 1]
    assert counting.runs == 1
    network.predict(np.zeros(3), step=2.0)
    network.predict(np.zeros((3, 1)), step=1.0)
    assert counting.runs == 3
    assert network.width == 3
    network.forget()
    network.predict(np.zeros(3), step=1.0)
    assert counting.runs == 4


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    trials = [BASE, replace(BASE, rule="greedy_path", vertebra=math.nan, fault="NoSeedError: x")]
    write_trials(tmp_path / "t.tsv", trials)
    found = read_trials(tmp_path / "t.tsv")
    assert list(found) == [t.key for t in trials]
    assert all(one.same_figures(other) for one, other in zip(found.values(), trials, strict=True))
    assert read_trials(tmp_path / "none.tsv") == {}


def test_a_gain_is_what_is_lost_without_the_rule() -> None:
    scans = [replace(BASE, scan=f"sub-{n}_T2w", subject=str(n)) for n in range(4)]
    off = [replace(scan, rule="slivers_kept") for scan in scans[:3]]
    off[0] = replace(off[0], vertebra=0.8, found=5, names_right=0)
    off[1] = replace(off[1], vertebra=math.nan, found=math.nan, names_right=math.nan, fault="x")
    gain = gain_of("slivers_kept", [*scans, *off])
    assert gain is not None
    assert (gain.scans, gain.differ, gain.failed) == (3, 2, 1)
    assert gain.dice["vertebra"][0] == pytest.approx(0.05)
    assert gain.counts == {"found": 2, "names_right": 7}
    assert gain_of("greedy_path", scans) is None
    row = table([*scans, *off]).splitlines()[-1]
    assert row.startswith("| `slivers_kept` | mine | 3 | 2 | +0.0500 |")
    assert row.endswith("| +7 | 1 |")


def phantom_dataset(root: Path) -> Path:
    phantom = generate(2000, spacing=(2.0, 2.0, 4.0), fov=FieldOfView("L1", "L3", width=40.0))
    write_scan(root, "1", phantom, render(phantom, seed=1))
    return root


def test_the_command_tries_each_rule_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bids = phantom_dataset(tmp_path / "bids")
    asked: list[str] = []

    class Perfect:
        """Gives the truth, but without one rule nothing, and without another no vertebra."""

        def __call__(self, path: Path, numerics: str) -> Result:
            asked.append(numerics)
            if numerics == "corrected,slivers_kept":
                raise ValueError("nothing is left")
            masks = path.parents[2] / "derivatives" / "phantom"
            spine, vert = (
                NII.load(next(masks.rglob(f"*seg-{kind}_dseg.nii.gz")), seg=True).get_array()
                for kind in ("spine", "vert")
            )
            return Result(spine, vert * (numerics != "corrected,greedy_path"))

        def forget(self) -> None:
            """Nothing is kept."""

    monkeypatch.setattr(ablation, "SYSTEMS", {"spineps": Perfect})
    words = [str(bids), "--out", str(tmp_path / "out"), "--set", "mine", "--derivative", "phantom"]
    words += ["--rules", "slivers_kept", "greedy_path"]
    assert ablation.main(words) == 0
    once = list(asked)
    tried = ["corrected", "corrected,slivers_kept", "corrected,greedy_path"]
    assert once == [*tried, "spineps-2.1.3"]
    trials = read_trials(tmp_path / "out" / "ablation.tsv")
    found = {trial.rule: trial for trial in trials.values()}
    assert found[ALL_ON].vertebra == 1
    assert found[ALL_ON].names_right == found[ALL_ON].names_judged >= 3
    assert found["slivers_kept"].fault == "ValueError: nothing is left"
    assert found["greedy_path"].found == 0
    assert found["greedy_path"].missed >= 3
    assert ablation.main(words) == 0
    assert asked == once  # rows that are there are not computed again
    assert "4 trials" in capsys.readouterr().out


def test_a_folder_that_is_no_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(tmp_path / "none"), "--out", str(tmp_path / "out"), "--set", "mine"]
    assert ablation.main(words) == 2
    assert "Nothing was tried" in capsys.readouterr().err
