"""Reading checkpoints without running code from them.

Checkpoints are pickles, and a pickle may call anything. torch's weights-only reader builds
tensors and plain containers. What it does not know by itself is decided here: numpy scalars are
built as they are, argument objects of the training programs become inert name spaces, and
anything else refuses the file.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from spineps_nipype.errors import ModelError

MAX_RATIO: Final = 4
"""Largest content for each byte of a file of weights, which are not compressed."""
PLAIN_GLOBALS: Final = frozenset(
    {
        "numpy.dtype",
        "numpy.ndarray",
        "numpy.core.multiarray.scalar",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct",
        "_codecs.encode",
    }
)
"""Builders of numbers and arrays, which have no side effect."""
INERT_CLASSES: Final = frozenset({"argparse.Namespace", "types.SimpleNamespace"})
INERT_PACKAGES: Final = ("spineps.", "pytorch_lightning.", "lightning.", "lightning_fabric.")
"""Training arguments of these programs are read as plain attributes; their code is not."""


class InertArguments(SimpleNamespace):
    """Stand-in for an argument object: it keeps attributes and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if args:
            self.args = args


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU.

    Parameters
    ----------
    path
        A file written by `torch.save` (zip format).

    Returns
    -------
    dict
        The stored dictionary; argument objects are `InertArguments`.

    Raises
    ------
    ModelError
        If the file is missing, damaged, not a checkpoint, or needs a class that is not on the
        allow-list.
    """
    import torch
    from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

    path = Path(path)
    if not path.is_file():
        raise ModelError(
            "The weights of the model package are missing.",
            file=path,
            remedy="Install the package again.",
        )
    _check_size(path)
    try:
        needed = get_unsafe_globals_in_checkpoint(path)
    except Exception as err:
        raise _damaged(path, err) from err
    allowed: list[Any] = []
    for name in needed:
        stand_in = _stand_in(name)
        if stand_in is None:
            raise ModelError(
                f"The weights need {name!r}, which could run code while being read.",
                file=path,
                remedy="Use a package from a source you trust whose file holds only weights "
                "and training arguments.",
            )
        allowed.append((stand_in, name))
    try:
        with safe_globals([*allowed, *_numpy_dtypes()]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as err:
        raise ModelError(
            f"The weights cannot be read safely: {str(err).splitlines()[0]}",
            file=path,
            remedy="Use a package whose file holds only weights and training arguments.",
        ) from err
    except Exception as err:
        raise _damaged(path, err) from err
    if not isinstance(content, dict):
        raise ModelError(
            f"The weights file holds a {type(content).__name__}, not a dictionary.",
            file=path,
            remedy="Use a package in the layout of the SPINEPS releases.",
        )
    return content


def weights_in(checkpoint: Mapping[str, Any], key: str, path: str | Path) -> dict[str, Any]:
    """Weights of a network by name, from a checkpoint that `load_checkpoint` has read.

    Raises
    ------
    ModelError
        If there are none under that key, or they are no tensors.
    """
    import torch

    weights = checkpoint.get(key)
    if not isinstance(weights, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor)
        for name, value in weights.items()
    ):
        raise ModelError(
            f"The checkpoint has no weights ({key}).",
            file=path,
            remedy="Install the package again.",
        )
    return dict(weights)


def _check_size(path: Path) -> None:
    """Refuse a file whose content is far larger than itself: weights are stored as they are."""
    try:
        with zipfile.ZipFile(path) as content:
            size = sum(member.file_size for member in content.infolist())
    except Exception as err:  # zipfile raises errors of many kinds for damaged files
        raise _damaged(path, err) from err
    if size > MAX_RATIO * path.stat().st_size:
        raise ModelError(
            f"The weights file holds {size / 1e9:.1f} GB, far more than its own size.",
            file=path,
            remedy="Do not use it: no program that trains networks writes such files.",
        )


def _stand_in(name: str) -> Any:
    """What stands in for a global of a pickle, None if it is not allowed."""
    if name in INERT_CLASSES or name.startswith(INERT_PACKAGES):
        return InertArguments
    if name in PLAIN_GLOBALS or name.startswith("numpy.dtypes."):
        return _numpy_global(name)
    return None


def _numpy_global(name: str) -> Any:
    from importlib import import_module

    module, _, attribute = name.replace("numpy.core.", "numpy._core.").rpartition(".")
    return getattr(import_module(module), attribute, None)


def _numpy_dtypes() -> list[Any]:
    """Classes of the number types that a numpy dtype turns into while it is read."""
    import numpy as np

    return [type(np.dtype(code)) for code in "?bBhHiIlLqQefd"]


def _damaged(path: Path, err: Exception) -> ModelError:
    text = str(err).splitlines()
    return ModelError(
        f"The weights file is damaged or not a checkpoint ({text[0] if text else err!r}).",
        file=path,
        remedy="Download or copy the package again.",
    )
