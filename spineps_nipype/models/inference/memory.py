"""Memory that a process keeps between the layers of a network.

The C library gives every large block back to the system when it is freed, and the next layer's
block has to be mapped and zeroed anew: up to a third of the time of a network on a processor.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_MAX: Final = -4
"""Options of mallopt(3)."""
MAPPED_BLOCKS: Final = 65536
TRIM_BYTES: Final = 128 * 1024
"""Defaults of the C library."""
NEVER: Final = 2**31 - 1


@contextmanager
def reused_memory() -> Iterator[None]:
    """Keep freed memory for the next block; at the end it all goes back to the system.

    Without glibc nothing happens.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(M_MMAP_MAX, 0)
    library.mallopt(M_TRIM_THRESHOLD, NEVER)
    try:
        yield
    finally:
        library.mallopt(M_MMAP_MAX, MAPPED_BLOCKS)
        library.mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)
        library.malloc_trim(0)


@cache
def _glibc() -> Any:
    """The C library if it is one that has these options."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    known = all(
        hasattr(library, name) for name in ("mallopt", "malloc_trim", "gnu_get_libc_version")
    )
    return library if known else None
