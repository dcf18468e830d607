"""Values of the command line, each refused with words that name it.

Nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.text_files import whole_number
from spineps_nipype.errors import SpinepsError

GB_IN_UNIT: Final = {"K": 1e-6, "M": 1e-3, "G": 1.0, "T": 1e3}
"""Gigabytes in a unit; a number without one means megabytes, as with SLURM and fMRIPrep."""
LEAST_MEMORY_GB: Final = 0.5
"""A run with less memory could not even load its libraries [GB]."""
_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_DEVICE: Final = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_NAMED: Final = re.compile(r"([A-Za-z0-9]+)=(.+)")


class Parser(argparse.ArgumentParser):
    """Parser whose errors say where an option stands that is not on the command line."""

    place = ""

    def error(self, message: str) -> Any:
        """Print usage and message, and end with status 2."""
        super().error(f"{self.place}{message}")


class Replaceable(list[Any]):
    """Values that a command line replaces instead of adding to them: a default, or a file's."""


class Gather(argparse.Action):
    """Values of an option that may be given several times; together they replace the default."""

    def __call__(self, parser: Any, namespace: Any, values: Any, flag: Any = None) -> None:  # noqa: ARG002
        """Add values to those of the same option further left."""
        before = getattr(namespace, self.dest)
        kept = [] if isinstance(before, Replaceable) else before
        setattr(namespace, self.dest, [*kept, *values])


@contextmanager
def blamed_on(flag: str) -> Iterator[None]:
    """Add the name of a flag to what is said about its value.

    Raises
    ------
    ValueError
        For any fault that the block finds in the value.
    """
    try:
        yield
    except (ValueError, SpinepsError) as fault:
        raise ValueError(f"argument {flag}: {fault}") from fault


def count(text: str) -> int:
    """Whole number of 1 or more."""
    if not whole_number(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def gigabytes(text: str) -> float:
    """Number of gigabytes above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def memory(text: str) -> float:
    """Memory in GB from text as ``8G``, ``8000M`` or ``8000``.

    >>> memory("8G"), memory("8000M"), memory("8000")
    (8.0, 8.0, 8.0)
    """
    match = _MEMORY.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of memory; write 8G or 8000M")
    number = float(match[1]) * GB_IN_UNIT[match[2].upper() or "M"]
    if number < LEAST_MEMORY_GB:
        hint = f"; did you mean {match[1]}G?" if not match[2] else ""
        raise argparse.ArgumentTypeError(f"{text!r} is {number * 1e3:g} MB, too little{hint}")
    return number


def device(text: str) -> str:
    """Where networks run; whether it is there is asked later, because that needs torch."""
    if not _DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no device; write auto, cpu, cuda, cuda:1 or mps"
        )
    return text


def named_folder(text: str) -> tuple[str, Path]:
    """Name and folder from text as ``corrected=/data/corrected``; the name may be left out.

    >>> named_folder("mine=/data")
    ('mine', PosixPath('/data'))
    """
    match = _NAMED.fullmatch(text)
    if match is not None:
        return match[1], Path(match[2])
    folder = Path(text)
    name = re.sub(r"[^A-Za-z0-9]+", "", folder.name)
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} has no name; write NAME=PATH")
    return name, folder
