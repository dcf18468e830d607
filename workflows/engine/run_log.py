"""Where messages of a run go: all into its log file, the important ones to the terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import Final

from spineps_nipype.core.files import not_written

FILE_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
TERMINAL_FORMAT: Final = "%(levelname)s: %(message)s"
OURS: Final = "spineps_nipype"
THEIRS: Final = (
    "nipype",
    "nipype.workflow",
    "nipype.interface",
    "nipype.utils",
    "nipype.filemanip",
)


class _FileThatMayFill(logging.FileHandler):
    """File handler that is silent when the disk is full: the run says so in another place."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignore."""

    def close(self) -> None:
        """Close, even if what is still in the buffer finds no place."""
        with suppress(OSError):
            super().close()


class _WithoutTraceback(logging.Formatter):
    """Says what a fault was, and where its traceback is: nobody reads that on a terminal."""

    def __init__(self, path: Path) -> None:
        super().__init__(TERMINAL_FORMAT)
        self._path = path

    def format(self, record: logging.LogRecord) -> str:
        """The message, without what other handlers made of the traceback."""
        plain = copy(record)
        plain.exc_info = plain.exc_text = plain.stack_info = None
        text = super().format(plain)
        if not record.exc_info or record.exc_info[0] is None:
            return text
        kind, fault, _ = record.exc_info
        return f"{text} ({kind.__name__}: {fault}; traceback: {self._path})"


@contextmanager
def run_log(path: Path, verbose: int = 0) -> Iterator[None]:
    """Write messages to a file while a run lasts, and restore everything afterwards.

    Parameters
    ----------
    path
        The log file.
    verbose
        0: warnings of this package on the terminal; 1: also what it does; 2: also nipype, and
        tracebacks.

    Raises
    ------
    OutputError
        If the file cannot be opened.
    """
    # nipype sets its loggers up when it is imported; this must not happen afterwards.
    import nipype  # noqa: F401

    root = logging.getLogger()
    names = ("", OURS, *THEIRS)
    before = {name: logging.getLogger(name).level for name in names}
    # Nipype has a terminal handler of its own; what it says goes through ours, or nowhere.
    removed = [
        (logger, handler)
        for logger in map(logging.getLogger, names)
        for handler in logger.handlers
        if type(handler) is logging.StreamHandler  # others (a test's) stay
    ]
    try:
        file = _FileThatMayFill(path, encoding="utf-8")
    except OSError as fault:
        raise not_written(path, fault) from fault
    file.setFormatter(logging.Formatter(FILE_FORMAT))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(
        logging.Formatter(TERMINAL_FORMAT) if verbose > 1 else _WithoutTraceback(path)
    )
    terminal.setLevel(logging.WARNING if verbose == 0 else logging.INFO)
    if verbose < 2:
        terminal.addFilter(logging.Filter(OURS))
    for logger, handler in removed:
        logger.removeHandler(handler)
    root.addHandler(file)
    root.addHandler(terminal)
    logging.getLogger(OURS).setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
    for name in THEIRS:
        logging.getLogger(name).setLevel(logging.INFO if verbose > 1 else logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(file)
        root.removeHandler(terminal)
        file.close()
        for logger, handler in removed:
            logger.addHandler(handler)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
