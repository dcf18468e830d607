"""Fuzz tests of what other programs, the system and servers answer, and of the command line."""

from __future__ import annotations

import logging
import pickle
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.bids.validation import _validator_errors
from spineps_nipype.models.download import _fetch_once
from spineps_nipype.models.engine_choice import has_bfloat16
from spineps_nipype.workflows.cli import build_parser, options_from
from spineps_nipype.workflows.engine.available_resources import (
    available_cpus,
    available_memory_gb,
)
from spineps_nipype.workflows.engine.slurm import commands
from spineps_nipype.workflows.engine.slurm.endings import ended
from spineps_nipype.workflows.engine.slurm.job import (
    ANSWER,
    CLAIM,
    OUTPUT,
    claimed_by,
    read_answer,
)
from spineps_nipype.workflows.engine.slurm.options import SlurmOptions, job_options
from spineps_nipype.workflows.options.config_file import parse_with_config
from spineps_nipype.workflows.options.other_words import understood

from .harness import ODD_TEXT, changed, fuzz, json_files, promised, read, spoiled


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the log of thousands of odd answers short."""
    caplog.set_level(logging.CRITICAL)


@contextmanager
def program_says(out: str, errors: str, status: int) -> Iterator[None]:
    """Every program that is started says the same."""

    def run(words: Any, **_: Any) -> Any:
        return subprocess.CompletedProcess(words, status, out, errors)

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(subprocess, "run", run)
        yield


QUEUE = "42|RUNNING|/work/jobs/a\n43|COMPLETED|/work/jobs/b\n"
STATUS = st.sampled_from([0, 0, 0, 1, 127, -9])
SAID = (
    spoiled(QUEUE.encode()).map(lambda data: data.decode(errors="replace"))
    | st.sampled_from(["42;main\n", "Welcome\n42\n", "9" * 5000 + "\n", "²|RUNNING|/work/jobs\n"])
    | ODD_TEXT
)


@fuzz
@given(SAID, ODD_TEXT | st.just("sbatch: error: Socket timed out"), STATUS)
def test_answers_of_slurm(out: str, errors: str, status: int) -> None:
    with promised() as root, program_says(out, errors, status):
        lost = (commands.SlurmUnreachable, commands.JobRefused)
        number = read(lambda: commands.submit(root / "job.sh", ["--mem=1M"]), *lost)
        assert number is None or number >= 0
        jobs = read(lambda: commands.jobs_below(Path("/work")), *lost)
        for number, job in (jobs or {}).items():
            assert job.id == number
            assert read(lambda job=job: ended(job.id, "x", job.state, root, "--mem=1M"))
        read(lambda: commands.cancel([42]), *lost)


ANSWERED = {"result": None, "traceback": None, "seconds": 1.5, "host": "x", "result_file": None}


@fuzz
@given(
    st.sampled_from([ANSWERED, 5, {"result_file": "x"}]).flatmap(
        lambda content: spoiled(pickle.dumps(content))
    ),
    st.binary(max_size=20) | st.just(b"42"),
    st.binary(max_size=2000),
)
def test_folder_of_a_job(answer: bytes, claim: bytes, output: bytes) -> None:
    with promised() as root:
        for name, data in ((ANSWER, answer), (CLAIM, claim), (OUTPUT, output)):
            (root / name).write_bytes(data)
        assert isinstance(read_answer(root), dict | None)
        assert isinstance(claimed_by(root), int | None)
        assert read(lambda: ended(1, "x", "FAILED", root, "--mem=1M"))


NODE = SimpleNamespace(plugin_args=None, n_procs=2, mem_gb=1.5, is_gpu_node=lambda: True)


@fuzz
@given(
    changed(
        {
            "sbatch_args": "-p main --mem=4G",
            "gpu_sbatch_args": ["--gres=gpu:1"],
            "template": "#!/bin/bash\nmodule load x\n",
            "command_prefix": "apptainer exec x.sif",
            "poll": 5,
            "patience": 60.0,
        }
    ),
    st.sampled_from(["", "template.sh"]),
    st.binary(max_size=30),
)
def test_options_for_slurm(args: Any, file: str, template: bytes) -> None:
    if not isinstance(args, dict):
        return
    with promised() as root:
        if file:
            (root / file).write_bytes(template)
            args["template"] = str(root / file)
        options = read(lambda: SlurmOptions.from_plugin_args(args))
        if options is not None:
            assert options.template.startswith("#!")
            assert all(isinstance(word, str) for word in job_options(NODE, options))


@fuzz
@given(
    spoiled(b"0::/a.slice/b\n4:memory:/c\n5:cpu,cpuacct:/../..\n"),
    spoiled(b"200000 100000\n") | st.sampled_from([b"max 100000", b"-1 0", b"1 0", b"0 0"]),
    spoiled(b"8000000000\n") | st.sampled_from([b"max", b"-1", b"9" * 5000]),
    st.dictionaries(
        st.sampled_from(["SLURM_CPUS_PER_TASK", "SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU"]),
        st.sampled_from(["4", "0", "²", "x", "-1", "9" * 30]) | st.text(max_size=4),
    ),
)
def test_limits_of_the_system(
    groups: bytes, quota: bytes, limit: bytes, environment: dict[str, str]
) -> None:
    with promised() as root:
        folder = root / "cgroup" / "a.slice" / "b"
        folder.mkdir(parents=True)
        for place in (folder, root / "cgroup"):
            (place / "cpu.max").write_bytes(quota)
            (place / "memory.max").write_bytes(limit)
        (root / "self").write_bytes(groups)
        where = (environment, root / "cgroup", root / "self")
        assert available_cpus(*where) >= 1
        assert isinstance(available_memory_gb(*where, physical_gb=8.0), float)
        assert has_bfloat16("cpu", root / "self") in (True, False)


@fuzz
@given(
    json_files(
        {
            "issues": {
                "issues": [
                    {"code": "X", "severity": "error", "location": "/sub-1/x", "subCode": "y"}
                ]
            }
        }
    )
)
def test_answers_of_the_validator(data: bytes) -> None:
    with promised() as root, program_says(data.decode(errors="replace"), "", 0):
        found = read(lambda: _validator_errors("x", root, ["1"]))
        assert found is None or all(isinstance(words, str) for words in found)


class Answer:
    """What a server answers."""

    def __init__(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.status_code, self.headers, self._content = status, headers, content

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise requests.HTTPError(response=self)  # type: ignore[arg-type]

    def iter_content(self, _: int) -> Iterator[bytes]:
        yield self._content


@fuzz
@given(
    st.sampled_from([200, 206, 206, 304, 404, 416, 500]),
    st.dictionaries(
        st.sampled_from(["Content-Length", "ETag", "Last-Modified"]),
        st.sampled_from(["5", "-1", "x", "9" * 30, "W/x"]) | ODD_TEXT,
    ),
    st.binary(max_size=20),
    json_files("x"),
)
def test_answers_of_servers(
    status: int, headers: dict[str, str], content: bytes, mark: bytes
) -> None:
    """A transfer ends, or breaks off in a way that is tried again."""
    with promised() as root, pytest.MonkeyPatch.context() as patches:
        patches.setattr(requests, "get", lambda *_, **__: Answer(status, headers, content))
        part = root / "x.zip.part"
        part.write_bytes(b"abc")
        part.with_name("x.zip.part.json").write_bytes(mark)
        read(lambda: _fetch_once("https://x/x.zip", part, None), requests.RequestException)


FLAGS = sorted({word for action in build_parser()._actions for word in action.option_strings})


@fuzz
@given(
    st.lists(
        st.sampled_from(FLAGS)
        | st.sampled_from(["1", "-1", "nan", "0:5", "8GB", "cuda:1", "01", "sub-*", "a=b", "@x"])
        | ODD_TEXT,
        max_size=6,
    )
)
def test_command_lines(words: list[str]) -> None:
    with promised(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        parser = build_parser()
        line = [".", "out", "participant", *words]
        asked = read(lambda: parse_with_config(parser, understood(parser, line)), SystemExit)
        if asked is not None:
            read(lambda: options_from(asked), ValueError)


def test_what_is_changed_is_good_before() -> None:
    with program_says(QUEUE, "", 0):
        assert set(commands.jobs_below(Path("/work"))) == {42, 43}
