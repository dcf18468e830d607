"""Every error this package raises on purpose, on one screen.

Each class carries the error code that SPINEPS users know (`ErrCode`), so that a shell, a
workflow and a results table all speak of the same outcome::

    SpinepsError            UNKNOWN
    ├── InputError          SHAPE          the image cannot be used as it is
    ├── CompatibilityError  COMPATIBILITY  the image does not fit the model
    ├── EmptyResultError    EMPTY          nothing was found where something must be
    ├── NoSeedError         UNKNOWN        no vertebral body survives as a seed
    ├── ModelError          UNKNOWN        a model package is absent, broken or unsafe
    ├── ResourceError       UNKNOWN        memory, disk or device does not suffice
    └── OutputError         UNKNOWN        results cannot be written where they should go
"""

from __future__ import annotations

from enum import Enum, EnumMeta
from pathlib import Path


class _ByName(EnumMeta):
    def __contains__(cls, item: object) -> bool:
        """Whether a member has this name."""
        return str(getattr(item, "name", item)) in cls.__members__


class NamedEnum(Enum, metaclass=_ByName):
    """Members that compare by name, with the habits of the enumerations of SPINEPS."""

    def __eq__(self, other: object) -> bool:
        """Compare by name, so that a plain string or another enum may stand in."""
        if isinstance(other, str):
            return self.name == other
        if isinstance(other, Enum):
            return self.name == other.name and self.value == other.value
        return NotImplemented

    def __hash__(self) -> int:
        """Hash by number, as SPINEPS does."""
        return int(self.value)

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    __repr__ = __str__


class ErrCode(NamedEnum):
    """Outcome of one scan, with the names and numbers of SPINEPS."""

    OK = 1
    ALL_DONE = 2
    COMPATIBILITY = 3
    UNKNOWN = 4
    EMPTY = 5
    SHAPE = 6


class SpinepsError(Exception):
    """Base class: what went wrong, with which file, and what to do about it.

    Parameters
    ----------
    what
        One sentence that states the fault.
    file
        The file or folder that is at fault, if there is one.
    remedy
        What the user can do now.
    """

    code = ErrCode.UNKNOWN

    def __init__(self, what: str, *, file: str | Path | None = None, remedy: str = "") -> None:
        self.what, self.file, self.remedy = what, file, remedy
        super().__init__(what, file, remedy)

    def __str__(self) -> str:
        where = f" [{self.file}]" if self.file is not None else ""
        cure = f" {self.remedy}" if self.remedy else ""
        return f"{self.what}{where}{cure}"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with keywords kept, since workers hand errors to the parent process."""
        return _rebuild, (type(self), self.what, self.file, self.remedy)


def _rebuild(cls: type[SpinepsError], what: str, file: str | Path | None, remedy: str) -> object:
    return cls(what, file=file, remedy=remedy)


class InputError(SpinepsError):
    """The image cannot be used: unreadable, wrong dimensions, broken geometry."""

    code = ErrCode.SHAPE


class CompatibilityError(SpinepsError):
    """The image does not fit the model: modality, plane or entities."""

    code = ErrCode.COMPATIBILITY


class EmptyResultError(SpinepsError):
    """A stage found nothing: constant image, empty mask, no vertebral body."""

    code = ErrCode.EMPTY


class NoSeedError(SpinepsError):
    """No vertebral body is left as a seed after erosion and cleaning."""

    code = ErrCode.UNKNOWN


class ModelError(SpinepsError):
    """A model package is absent, incomplete, foreign or unsafe to load."""


class ResourceError(SpinepsError):
    """Memory, disk space or the compute device does not suffice."""


class OutputError(SpinepsError):
    """Results cannot be written where they should go."""
