from __future__ import annotations

import traceback

import pytest

from spineps_nipype.errors import (
    CompatibilityError,
    EmptyResultError,
    ErrCode,
    InputError,
    ModelError,
    NoSeedError,
    ResourceError,
)
from spineps_nipype.workflows.failures import (
    FULL_DISK,
    OUT_OF_GPU_MEMORY,
    OUT_OF_MEMORY,
    dead_worker_text,
    describe_failure,
)


def text_of(error: BaseException) -> str:
    try:
        raise error
    except BaseException:
        return traceback.format_exc()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError, ErrCode.SHAPE),
        (CompatibilityError, ErrCode.COMPATIBILITY),
        (EmptyResultError, ErrCode.EMPTY),
        (NoSeedError, ErrCode.UNKNOWN),
        (ModelError, ErrCode.UNKNOWN),
        (ResourceError, ErrCode.UNKNOWN),
    ],
)
def test_our_errors_keep_code_and_words(error: type[InputError], code: ErrCode) -> None:
    fault = error("It is broken.", file="/b/a.nii.gz", remedy="Mend it.")
    failure = describe_failure(text_of(fault), where="conform", crash_file="crash.txt")
    assert failure.code is code
    assert failure.reason == "It is broken. [/b/a.nii.gz] Mend it."
    assert (failure.where, failure.crash_file) == ("conform", "crash.txt")


def test_nipype_indents_the_traceback_and_wraps_it() -> None:
    """What nipype raises for a node holds the traceback of the interface."""
    inner = text_of(InputError("It is 2-D.", file="a.nii")).replace("\n", "\n\t")
    text = (
        "Traceback (most recent call last):\n"
        '  File "nodes.py", line 1, in run\n'
        "nipype.pipeline.engine.nodes.NodeExecutionError: Exception raised while executing "
        f"Node conform.\n\n\t{inner}\n"
    )
    failure = describe_failure(text)
    assert failure.code is ErrCode.SHAPE
    assert failure.reason == "It is 2-D. [a.nii]"


def test_of_chained_errors_ours_is_told() -> None:
    try:
        try:
            raise EOFError("Compressed file ended")
        except EOFError as fault:
            raise InputError("The file ends too early.", file="a.nii.gz") from fault
    except InputError:
        text = traceback.format_exc()
    assert describe_failure(text).reason == "The file ends too early. [a.nii.gz]"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), FULL_DISK),
        (MemoryError(), OUT_OF_MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), OUT_OF_GPU_MEMORY),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_other_errors(error: BaseException, reason: str) -> None:
    failure = describe_failure(text_of(error))
    assert failure.code is ErrCode.UNKNOWN
    assert failure.reason == reason


def test_a_killed_process_is_told_as_such() -> None:
    failure = describe_failure(dead_worker_text("wf.scan.semantic", -9, "/logs/worker.txt"))
    assert failure.code is ErrCode.UNKNOWN
    assert "SIGKILL" in failure.reason
    assert "--nprocs" in failure.reason
    assert "/logs/worker.txt" in failure.reason
    assert "status 3" in describe_failure(dead_worker_text("n", 3)).reason


def test_no_traceback_at_all() -> None:
    assert describe_failure("").reason
