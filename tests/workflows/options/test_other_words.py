"""Words of other BIDS Apps are understood, or answered with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.workflows.cli import build_parser, main, options_from
from spineps_nipype.workflows.options.other_words import (
    ANSWERS,
    NOT_NEEDED,
    SYNONYMS,
    understood,
)
from spineps_nipype.workflows.options.run_options import RunOptions

PLACES = ["/bids", "/out", "participant"]
Captured = pytest.CaptureFixture[str]


def options(*words: str) -> RunOptions:
    parser = build_parser()
    return options_from(parser.parse_args(understood(parser, words)))


def refused(capsys: Captured, *words: str) -> str:
    """Last line of what is said about arguments that cannot be used."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_words_of_fmriprep_and_mriqc(capsys: Captured) -> None:
    found = options(
        *(*PLACES, "--participant_label", "01", "--nthreads", "4", "--omp_nthreads=2"),
        *("--mem_mb", "8000", "--use-plugin", "/plugin.yml", "--no-sub"),
    )
    assert found.selection.participant_label == ("01",)
    assert (found.machine.nprocs, found.machine.omp_nthreads) == (4, 2)
    assert found.machine.mem_gb == pytest.approx(8)
    assert found.scheduling.nipype_plugin_file == Path("/plugin.yml")
    said = capsys.readouterr().err
    assert "spineps-wf: --nthreads is read as --nprocs" in said
    assert "--participant" not in said  # a matter of spelling


@pytest.mark.parametrize("word", ["--n_cpus", "--n-cpus", "--ncpus", "--n_procs"])
def test_processors_under_every_name(word: str) -> None:
    assert options(*PLACES, word, "3").machine.nprocs == 3
    assert options(*PLACES, f"{word}=3").machine.nprocs == 3


def test_words_of_spineps() -> None:
    found = options(*PLACES, "--cpu", "--no-n4", "--batch-size", "7")
    assert found.machine.device == "cpu"
    assert not found.settings.preprocess.proc_sem_n4_bias_correction
    assert found.settings.instance.proc_inst_batch_size == 7


def test_every_synonym_stands_for_options_that_there_are() -> None:
    known = build_parser()._option_string_actions
    for word, synonym in SYNONYMS.items():
        assert word not in known
        assert synonym.ours[0] in known
        assert word not in ANSWERS
        assert synonym.source
    assert not set(ANSWERS) & set(known)


@pytest.mark.parametrize("word", NOT_NEEDED)
def test_words_that_are_not_needed_are_left_out(capsys: Captured, word: str) -> None:
    spelled = word.replace("-", "_").replace("__", "--", 1)
    for words in ([spelled, "/db"], [f"{word}=/db"]):
        assert options(*PLACES, *words, "--nprocs", "3") == options(*PLACES, "--nprocs", "3")
        assert f"{word} is left out: {NOT_NEEDED[word]}" in capsys.readouterr().err
    options(*PLACES, word)
    assert word not in build_parser()._option_string_actions


def test_two_levels_in_one_call(capsys: Captured) -> None:
    said = refused(capsys, *PLACES, "group")
    assert said.endswith("one level a call: run participant first, then group")


@pytest.mark.parametrize("word", ANSWERS)
def test_words_that_mean_nothing_here_are_answered(capsys: Captured, word: str) -> None:
    said = refused(capsys, *PLACES, word.replace("-", "_").replace("__", "--", 1), "x")
    assert said.endswith(f"argument {word}: {ANSWERS[word]}")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("--participant-lable", "did you mean --participant-label?"),
        ("--overide-semantic", "did you mean --override-semantic?"),
        ("--nthread", "did you mean --nthreads?"),
        ("--mem_gbs", "did you mean --mem-gb?"),
        ("--xyzzy", "--help lists all options"),
    ],
)
def test_an_unknown_word_gets_the_nearest_one(capsys: Captured, word: str, hint: str) -> None:
    said = refused(capsys, *PLACES, f"{word}=1")
    assert said.endswith(f"there is no option {word.replace('_', '-')}; {hint}")


@pytest.mark.parametrize(
    "words",
    [
        ["--participant-label", "01", "02", *PLACES],
        ["--nprocs", "2", "--participant-label", "01", "02", *PLACES, "-v"],
        ["-w", "/work", "--participant-label", "01", "02", *PLACES],
        ["--debug", *PLACES, "--participant-label", "01", "02"],
        ["--participant-label", "01", "02", "--nprocs=2", *PLACES],
        ["-v", "/bids", "--nprocs", "2", "/out", "participant", "--participant-label", "01", "02"],
    ],
)
def test_options_may_stand_before_the_places(words: list[str]) -> None:
    found = options(*words)
    assert (found.folders.bids_dir, found.folders.output_dir) == (Path("/bids"), Path("/out"))
    assert found.task.level == "participant"
    assert found.selection.participant_label == ("01", "02")


def test_a_value_that_is_a_level_is_no_level() -> None:
    words = ["--model-semantic", "group", "--participant-label", "a", *PLACES]
    found = options(*words)
    assert found.models.model_semantic == "group"
    assert found.task.level == "participant"


def test_arguments_in_our_words_stay_as_they_are(capsys: Captured) -> None:
    words = [*PLACES, "--modalities", "T2w", "group", "--sbatch-args", "--time=5", "-d", "a=/b"]
    taken = [*words[:6], "--sbatch-args=--time=5", *words[8:]]
    assert understood(build_parser(), words) == taken
    assert not capsys.readouterr().err
