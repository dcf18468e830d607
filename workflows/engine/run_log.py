"""Where messages of a run go: all into its log file, the important ones to the terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from spineps_nipype.core.files import not_written

FILE_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
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


@contextmanager
def run_log(path: Path, verbose: int = 0) -> Iterator[None]:
    """Write messages to a file while a run lasts, and restore everything afterwards.

    Parameters
    ----------
    path
        The log file.
    verbose
        0: warnings of this package on the terminal; 1: also what it does; 2: also nipype.

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
    terminal.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
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
