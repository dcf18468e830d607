"""What every command does first and last: streams that fail, a current folder that is gone.

Nothing heavy is imported here.
"""

from __future__ import annotations

import atexit
import codecs
import errno
import gc
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

NOTHING_RAN: Final = 1
"""Exit status of a command that could do nothing."""
NO_TEMPORARY: Final = "No usable temporary directory"
"""What Python says where neither TMPDIR nor a usual folder can be written."""
SURROGATES: Final = "surrogates not allowed"
"""What Python says of the name of a file that is not text in the encoding of names."""
LONGEST_SHOWN: Final = 200
"""Letters of such a name, or of the text that holds it, that a message shows."""
STANDARD: Final = (0, 1, 2)
"""Descriptors of input, output and messages."""
NEW_OBJECTS: Final = 10_000
"""New objects after which garbage is looked for, of which Python itself waits for 700."""
READER_LEFT: Final = frozenset({errno.EPIPE, errno.ESHUTDOWN})
"""Whoever read the output wanted no more of it, as ``head`` does."""


def run_command(program: str, body: Callable[[], int], *, own_process: bool = False) -> int:
    """Run the body of a command; what is wrong with its surroundings is said in one sentence.

    A standard output that is closed or full stops nothing: results are worth more than the words
    about them. Names of files are UTF-8 whatever the locale says: under another one the command
    starts again in the UTF-8 mode of Python.

    Parameters
    ----------
    program
        Name of the command.
    body
        Returns the exit status.
    own_process
        Whether the process is there for this command alone, so that it may start again.

    Returns
    -------
    int
        That status; 1 if the current folder does not exist, or a name is not UTF-8.
    """
    if own_process:
        if not _is_utf8():
            _start_in_utf8()
        _look_rarely_for_garbage()
    _open_standard_descriptors()
    with _lenient_streams() as (output, _):
        try:
            os.getcwd()
        except OSError as fault:
            print(
                f"{program}: error: The current folder cannot be used "
                f"({fault.strerror or fault}). Change to another folder (cd), then run again.",
                file=sys.stderr,
            )
            return NOTHING_RAN
        try:
            return body()
        except FileNotFoundError as fault:
            if NO_TEMPORARY not in str(fault):
                raise
            print(
                f"{program}: error: There is no folder for temporary files. Set TMPDIR to one "
                "that can be written.",
                file=sys.stderr,
            )
            return NOTHING_RAN
        except UnicodeEncodeError as fault:
            if SURROGATES not in fault.reason:
                raise
            print(
                f"{program}: error: The name {fault.object[:LONGEST_SHOWN]!a} is not UTF-8. "
                "Rename the file or folder, or give a link to it that has another name.",
                file=sys.stderr,
            )
            return NOTHING_RAN
        finally:
            output.flush()
            if output.fault is not None and output.fault.errno not in READER_LEFT:
                print(
                    f"{program}: the standard output could not be written: "
                    f"{output.fault.strerror or output.fault}.",
                    file=sys.stderr,
                )


def _look_rarely_for_garbage() -> None:
    """Have this process look for garbage seldom, and not once more in everything when it ends.

    Nearly all that a run makes are modules and its graph, which stay: a tenth of the CPU seconds
    of a scan would go into looking at them again and again.
    """
    gc.set_threshold(NEW_OBJECTS)
    atexit.register(gc.freeze)


def _is_utf8() -> bool:
    return codecs.lookup(sys.getfilesystemencoding()).name == "utf-8"


def _start_in_utf8() -> None:
    """Replace this process by the same command in UTF-8 mode, as are the processes it starts."""
    words = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    os.execve(sys.executable, words, {**os.environ, "PYTHONUTF8": "1"})  # noqa: S606 - no shell


def output_is_lost() -> bool:
    """Whether something that was printed did not arrive, other than by a reader who left."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    fault = getattr(sys.stdout, "fault", None)
    return fault is not None and fault.errno not in READER_LEFT


class LenientStream:
    """A standard stream that is silent from its first fault on, and remembers it.

    Parameters
    ----------
    stream
        The stream itself.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.fault: OSError | None = None

    def write(self, text: str) -> int:
        """Write text, unless the stream has failed."""
        if self.fault is None:
            self._attempt(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered, unless the stream has failed."""
        if self.fault is None:
            self._attempt(self.stream.flush)

    def _attempt(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except OSError as fault:
            self.fault = fault
            # Python writes the rest of the buffer when it ends, and would complain then.
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def _lenient_streams() -> Iterator[tuple[LenientStream, LenientStream]]:
    """Put `LenientStream` in place of the standard streams."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):  # a letter that it does not know stops nothing
            stream.reconfigure(errors="backslashreplace")
    output, messages = map(LenientStream, before)
    sys.stdout, sys.stderr = output, messages
    try:
        yield output, messages
    finally:
        messages.flush()
        sys.stdout, sys.stderr = before


def _open_standard_descriptors() -> None:
    """Open those that are closed: the first file of a run would be taken for its output."""
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
