"""How the cause of a failed node travels from its process to the run.

Nipype hands on the text of a traceback only. Here the exception is noted where it is raised, and a
small record of it goes along with the answer of the node.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from traceback import format_exception
from typing import Any, Final

from spineps_nipype import errors
from spineps_nipype.errors import ErrCode, ResourceError, SpinepsError

WATCHED_METHODS: Final = ("_run_interface", "aggregate_outputs")
"""Methods of an interface whose exceptions Nipype turns into text."""
NIPYPE_WRAPPER: Final = "NodeExecutionError"
"""What Nipype raises for a failed node; by name, since importing Nipype takes a second."""


@dataclass(frozen=True)
class Fault:
    """An exception as it travels from the process that raised it to the run.

    The exception itself may hold what cannot be pickled, so its name and words go instead.

    Parameters
    ----------
    name
        Its class.
    message
        What it says.
    code
        Code of SPINEPS.
    is_ours
        Whether it is an error of this package, whose message needs no further explanation.
    """

    name: str
    message: str = ""
    code: ErrCode = ErrCode.UNKNOWN
    is_ours: bool = False


def fault_of(raised: BaseException) -> Fault:
    """Fault for an exception; of a chain of exceptions the first of our own counts.

    >>> fault_of(errors.InputError("It is 2-D.", file="a.nii")).message
    'It is 2-D. [a.nii]'
    """
    for link in _chain(raised):
        if isinstance(link, SpinepsError):
            return Fault(type(link).__name__, str(link), link.code, is_ours=True)
    return Fault(type(raised).__name__, str(raised).strip())


def _chain(raised: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that it was raised from."""
    seen: set[int] = set()
    while raised is not None and id(raised) not in seen:
        seen.add(id(raised))
        yield raised
        raised = raised.__cause__ or raised.__context__


def note_faults(interface: Any) -> list[Fault]:
    """Keep what an interface raises from now on; the list fills up while it runs.

    Nipype hands on the text of a traceback only, so the exception is noted where it still is one.
    """
    noted: list[Fault] = []
    for name in WATCHED_METHODS:
        setattr(interface, name, _NotingMethod(getattr(interface, name), noted))
    return noted


class _NotingMethod:
    """A method that notes what it raises; a class, since Nipype pickles nodes before they run."""

    def __init__(self, method: Any, noted: list[Fault]) -> None:
        self._method, self._noted = method, noted

    def __call__(self, *args: Any, **options: Any) -> Any:
        try:
            return self._method(*args, **options)
        except BaseException as raised:
            self._noted.append(fault_of(raised))
            raise


def fault_of_node(
    raised: BaseException | None, noted: Sequence[Fault] = (), text: str = ""
) -> Fault:
    """Why a node failed: what its interface raised, else what Nipype says.

    Parameters
    ----------
    raised
        Exception that reached the plugin, None if only its text did.
    noted
        What `note_faults` has noted.
    text
        Traceback of the node.
    """
    if noted:
        return noted[-1]
    if raised is None or type(raised).__name__ == NIPYPE_WRAPPER:  # the cause is in a text alone
        return fault_in_text(text or str(raised))
    return fault_of(raised)


def fault_in_text(text: str) -> Fault:
    """Fault that a traceback ends with, for plugins of others, which hand on nothing else."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        path, _, message = line.partition(": ")
        module, _, name = path.rpartition(".")
        kind = getattr(errors, name, None) if module == errors.__name__ else None
        if isinstance(kind, type) and issubclass(kind, SpinepsError):
            return Fault(name, message.strip(), kind.code, is_ours=True)
    last = lines[-1] if lines else ""
    path, _, message = last.partition(": ")
    return Fault("", last) if " " in path else Fault(path.rpartition(".")[2], message)


def failed_answer(raised: BaseException, output: str = "") -> dict[str, Any]:
    """Answer of a node that failed: what Nipype reads, and the fault.

    Parameters
    ----------
    raised
        Why it failed.
    output
        What its process printed last.

    Returns
    -------
    dict
        ``result`` (None), ``traceback`` (list of lines), ``fault``, ``peak_gb`` (None).
    """
    said = [f"Last words of the process:\n{output}\n"] if output else []
    lines = [*said, *format_exception(raised)]
    return {"result": None, "traceback": lines, "fault": fault_of(raised), "peak_gb": None}


def dead_process_error(node: str, exit_code: int | None, log: str = "") -> ResourceError:
    """Error for a node whose process ended without a result."""
    if exit_code is not None and exit_code < 0:
        number = -exit_code
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        what = f"The process of the node {node} was killed ({name})."
    else:
        what = f"The process of the node {node} ended with status {exit_code} and no result."
    remedy = "Often the memory did not suffice: give the run more, or fewer processes (--nprocs)."
    if log:
        remedy += f" Its last words are in {log}."
    return ResourceError(what, remedy=remedy)
