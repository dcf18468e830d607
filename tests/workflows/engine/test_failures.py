from __future__ import annotations

import pickle
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
from spineps_nipype.workflows.engine.failures import (
    FULL_DISK,
    OUT_OF_GPU_MEMORY,
    OUT_OF_MEMORY,
    describe_failure,
)
from spineps_nipype.workflows.engine.faults import (
    Fault,
    dead_process_error,
    failed_answer,
    fault_in_text,
    fault_of,
    fault_of_node,
    note_faults,
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
    failure = describe_failure(fault_of(fault), where="conform", crash_file="crash.txt")
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
    failure = describe_failure(fault_in_text(text))
    assert failure.code is ErrCode.SHAPE
    assert failure.reason == "It is 2-D. [a.nii]"


def test_of_chained_errors_ours_is_told() -> None:
    ours = InputError("The file ends too early.", file="a.nii.gz")
    ours.__cause__ = EOFError("Compressed file ended")
    assert describe_failure(fault_of(ours)).reason == "The file ends too early. [a.nii.gz]"
    wrapped = RuntimeError("a library failed")
    wrapped.__cause__ = ours
    assert fault_of(wrapped).message == "The file ends too early. [a.nii.gz]"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), FULL_DISK),
        (MemoryError(), OUT_OF_MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), OUT_OF_GPU_MEMORY),
        (OSError(12, "Cannot allocate memory"), OUT_OF_MEMORY),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate"), OUT_OF_MEMORY),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_other_errors(error: BaseException, reason: str) -> None:
    failure = describe_failure(fault_of(error))
    assert failure.code is ErrCode.UNKNOWN
    assert failure.reason == reason


@pytest.mark.parametrize(
    ("error", "words", "way_out"),
    [
        (PermissionError(13, "Permission denied", "/out/a"), "/out/a", "permissions"),
        (OSError(30, "Read-only file system", "/out/a"), "/out/a", "bind the output"),
        (OSError(122, "Disk quota exceeded"), "quota", "another disk"),
        (OSError(24, "Too many open files"), "files are open", "ulimit -n"),
        (OSError(116, "Stale file handle"), "file system failed", "local one (-w)"),
        (OSError(5, "Input/output error"), "file system failed", "Run again"),
        (RuntimeError("No CUDA GPUs are available"), "GPU cannot be used", "--device cpu"),
        (
            RuntimeError("CUDA error: no kernel image is available for execution on the device"),
            "GPU cannot be used",
            "torch was built",
        ),
        (RuntimeError("CUDA error: device-side assert triggered"), "GPU failed", "--device cpu"),
        (RuntimeError("unable to open shared memory object </torch_1>"), "shared", "--shm-size"),
    ],
)
def test_failures_of_the_system_come_with_a_way_out(
    error: BaseException, words: str, way_out: str
) -> None:
    failure = describe_failure(fault_of(error))
    assert words in failure.reason
    assert way_out in failure.reason
    assert "{what}" not in failure.reason


def test_a_broken_pool_is_told_as_such() -> None:
    from concurrent.futures.process import BrokenProcessPool

    broken = BrokenProcessPool("A process in the process pool was terminated abruptly")
    assert "killed" in describe_failure(fault_of(broken)).reason


def test_a_killed_process_is_told_as_such() -> None:
    error = dead_process_error("wf.scan.semantic", -9, "/logs/worker.txt")
    failure = describe_failure(failed_answer(error)["fault"])
    assert failure.code is ErrCode.UNKNOWN
    assert "SIGKILL" in failure.reason
    assert "--nprocs" in failure.reason
    assert "/logs/worker.txt" in failure.reason
    assert "status 3" in str(dead_process_error("n", 3))


def test_no_traceback_at_all() -> None:
    assert describe_failure(fault_in_text("")).reason


@pytest.mark.parametrize("method", ["_run_interface", "aggregate_outputs"])
def test_what_an_interface_raises_is_kept_though_nipype_keeps_its_text_only(method: str) -> None:
    class Interface:
        def _run_interface(self) -> str:
            return self.aggregate_outputs()

        def aggregate_outputs(self) -> str:
            raise InputError("It is 2-D.", file="a.nii")

    interface = Interface()
    noted = note_faults(interface)
    with pytest.raises(InputError):
        getattr(interface, method)()
    fault = fault_of_node(RuntimeError("Exception raised while executing Node conform"), noted)
    assert fault == Fault("InputError", "It is 2-D. [a.nii]", ErrCode.SHAPE, is_ours=True)


def test_a_failure_outside_the_interface_is_that_of_nipype() -> None:
    assert fault_of_node(MemoryError(), []).name == "MemoryError"


def test_faults_can_be_sent() -> None:
    fault = fault_of(InputError("It is 2-D.", file="a.nii"))
    assert pickle.loads(pickle.dumps(fault)) == fault
