"""exp and log in single precision, rounded as the C library rounds them.

Programs in C++ that compute in float32 call `expf` and `logf` of the C library. NumPy has its own,
which are faster and differ in the last digit (exp in 4 of 10 values); even the rounded result of
double precision differs in 7 of 10,000. Where a last digit decides something, only the same
function gives the same result.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def exp32(values: NDArray[Any]) -> FloatArray:
    """Exponential function of float32 values of any shape."""
    return _apply("expf", np.exp, np.asarray(values, dtype=np.float32))


def log32(values: NDArray[Any]) -> FloatArray:
    """Natural logarithm of positive float32 values of any shape."""
    distinct, where = np.unique(np.asarray(values, dtype=np.float32), return_inverse=True)
    return _apply("logf", np.log, distinct)[where].reshape(np.shape(values))


def _apply(name: str, double: Callable[[Any], Any], values: FloatArray) -> FloatArray:
    """Call a function of the C library for every value, or round that of double precision."""
    function = _c_function(name)
    if function is None:
        return np.asarray(double(values.astype(np.float64)), dtype=np.float32)
    found = np.fromiter(map(function, values.ravel().tolist()), np.float32, values.size)
    return found.reshape(values.shape)


@cache
def _c_function(name: str) -> Callable[[float], float] | None:
    """Function of the C library that takes and gives one float; None where it is not at hand."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # Windows has no library of that kind
        return None
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return function  # type: ignore[no-any-return]
