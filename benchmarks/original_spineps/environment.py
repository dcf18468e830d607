"""An environment of its own for SPINEPS 2.1.3, which holds back numpy and other libraries."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import ROOT

SPINEPS: Final = "spineps==2.1.3"
FOLDER: Final = ROOT / ".venv-spineps"
MARK: Final = "spineps-is-installed"
"""File in the environment that says that it is complete."""


def reference_python(folder: Path = FOLDER) -> Path:
    """Python that has SPINEPS 2.1.3; its environment is made if it is absent.

    It gets the version of torch that is installed here, so that both compute with the same one.

    Parameters
    ----------
    folder
        Where the environment is.

    Raises
    ------
    subprocess.CalledProcessError
        If pip cannot install it; what pip says is printed.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if (folder / MARK).is_file():
        return python
    print(f"installing {SPINEPS} in {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    torch = f"torch=={version('torch').partition('+')[0]}"
    pip = [str(python), "-m", "pip"]
    subprocess.run([*pip, "install", "--quiet", SPINEPS, torch], check=True)
    # A torchvision for CUDA beside a torch for CPU stops torchmetrics; nothing here needs it.
    subprocess.run([*pip, "uninstall", "--quiet", "--yes", "torchvision"], check=True)
    subprocess.run([str(python), "-c", "import spineps"], check=True, stdout=subprocess.DEVNULL)
    (folder / MARK).touch()
    return python
