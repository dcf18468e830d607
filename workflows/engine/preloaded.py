"""What the processes of nodes start with: imported once, in the server that they are forked from.

Each process that runs a network or draws a picture would spend seconds on these imports. With one
thread for linear algebra none of them starts a thread, which a forked process would lack.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from importlib import import_module
from typing import Final

MODULES: Final = (
    "torch",
    "nipype.pipeline.engine",
    "spineps_nipype.workflows.engine.node_process",
    "spineps_nipype.interfaces",
    "spineps_nipype.models.inference.semantic",
    "spineps_nipype.models.inference.instance",
    "spineps_nipype.models.inference.labeling",
    "dynamic_network_architectures.architectures.unet",
    "nnunetv2.preprocessing.resampling.default_resampling",
    "TPTBox.spine.snapshot2D.snapshot_modular",
    "TPTBox.spine.spinestats.angles",
    "matplotlib.backends.backend_agg",
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TPTBox warns of its own enums
    for _module in MODULES:
        with suppress(ImportError):  # the node that needs it says so
            import_module(_module)
with suppress(ImportError):
    from spineps_nipype.models.openvino_runtime import import_openvino

    import_openvino()
