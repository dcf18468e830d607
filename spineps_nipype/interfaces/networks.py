"""Shared by the interfaces that run a network: its traits, its package, release of its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterfaceInputSpec, Directory, Str, isdefined, traits

from ..models.finding import NnunetSystem, package_in
from ..models.package import ModelPackage, load_package, unchanged
from ..models.protocols import SemanticModel


class ModelInputSpec(BaseInterfaceInputSpec):
    """Traits of an interface that runs a network: model and device."""

    model_dir = Directory(
        exists=True,
        mandatory=True,
        nohash=True,
        desc="folder of the model package; its digest represents it in the cache key",
    )
    model_digest = Str(mandatory=True, desc="digest of the model package (SHA-256)")
    device = Str("cpu", usedefault=True, nohash=True, desc="device: cpu, cuda, cuda:1, mps")
    num_threads = traits.Int(1, usedefault=True, nohash=True, desc="processor threads")
    use_gpu = traits.Bool(
        False, usedefault=True, nohash=True, desc="count this node against the free GPUs"
    )


def required_package(inputs: Any, system: NnunetSystem = "spineps") -> ModelPackage:
    """Model package of an interface, checked against the digest that the cache key holds.

    Parameters
    ----------
    inputs
        Those of `ModelInputSpec`; ``release`` counts where there is one.
    system
        System that the network is of.

    Raises
    ------
    ModelError
        If the digest of the package differs from the one that was given.
    """
    release = getattr(inputs, "release", None)
    package = package_in(inputs.model_dir, system, release=release)
    return checked_package(package, inputs.model_digest)


def checked_package(package: ModelPackage, digest: Any) -> ModelPackage:
    """The package, if it has the digest that a workflow was built with, if any.

    Raises
    ------
    ModelError
        If its files have changed since.
    """
    return unchanged(package, digest) if isdefined(digest) else package


class ScoutInputSpec(BaseInterfaceInputSpec):
    """Traits of an interface whose network is computed at the spine only."""

    scout_dir = Directory(exists=True, nohash=True, desc="package whose network finds the spine")
    scout_digest = Str(desc="digest of that package (SHA-256)")


def loaded_scout(
    inputs: Any, default: Callable[[], ModelPackage] | None = None
) -> SemanticModel | None:
    """Network that finds the spine, if there is a package of it.

    It is so small that neither another device nor another engine is worth its start.

    Parameters
    ----------
    inputs
        Those of `ScoutInputSpec`.
    default
        Gives the package where the inputs name none.

    Raises
    ------
    ModelError
        If the digest of the package differs from the one that was given.
    """
    from ..models.inference.semantic import load_semantic

    if isdefined(inputs.scout_dir):
        package = load_package(Path(inputs.scout_dir))
    elif default is not None:
        package = default()
    else:
        return None
    return load_semantic(checked_package(package, inputs.scout_digest))


@contextmanager
def torch_resources(inputs: Any) -> Iterator[None]:
    """Limit torch to the threads of the node, and free the memory of the device afterwards.

    Workers outlive their nodes, so the memory of a network would stay occupied otherwise.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, inputs.num_threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if str(inputs.device).startswith("cuda"):
            torch.cuda.empty_cache()
