"""Plugins of nipype that a file names, watched like our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spineps_nipype.errors import InputError, ResourceError

from ..options.run_options import Scheduling

if TYPE_CHECKING:  # a dry run has no use for nipype
    from .node_events import Observer

CLUSTER: Final = ("SLURM", "SLURMGraph")
OURS: Final = ("MultiProc", "Linear", *CLUSTER)
SAFE: Final = {"LegacyMultiProc": "MultiProc"}
"""Plugins that hang when a process is killed, and ours that do the same work."""
OF_MACHINE: Final = frozenset({"n_procs", "memory_gb", "n_gpu_procs"})
REMEDY: Final = (
    "Write it like nipype: 'plugin: MultiProc' and, below, 'plugin_args: {n_procs: 4}'."
)


@dataclass(frozen=True)
class PluginChoice:
    """A plugin and its arguments.

    Parameters
    ----------
    name
        Name of nipype, without ``Plugin``.
    args
        Its arguments.
    """

    name: str
    args: dict[str, Any] = field(default_factory=dict)

    @property
    def on_cluster(self) -> bool:
        """Whether nodes are jobs of SLURM."""
        return self.name in CLUSTER

    @property
    def other_args(self) -> dict[str, Any]:
        """Arguments other than those that the command line and the machine have a say in."""
        return {name: value for name, value in self.args.items() if name not in OF_MACHINE}


def choose_plugin(asked: Scheduling) -> PluginChoice:
    """Plugin of the plugin file, or of the command line, whose options for jobs win.

    Raises
    ------
    InputError
        If the plugin file cannot be used.
    ResourceError
        If there are options for jobs and no plugin that has jobs.
    """
    file = asked.nipype_plugin_file
    choice = PluginChoice(asked.plugin) if file is None else read_plugin_file(file)
    for_jobs = {"sbatch_args": asked.sbatch_args, "gpu_sbatch_args": asked.gpu_sbatch_args}
    given = {name: value for name, value in for_jobs.items() if value}
    if given and not choice.on_cluster:
        flag = f"--{next(iter(given)).replace('_', '-')}"
        raise ResourceError(
            f"{flag} is for jobs of SLURM, and the plugin is {choice.name}.",
            remedy=f"Add --plugin SLURM, or leave {flag} out.",
        )
    return PluginChoice(choice.name, {**choice.args, **given})


def read_plugin_file(path: Path) -> PluginChoice:
    """Read a YAML (or JSON) file with ``plugin`` and ``plugin_args``.

    Raises
    ------
    InputError
        If it cannot be read, or names a plugin that nipype has not.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as fault:
        raise InputError(
            f"The file of --nipype-plugin-file cannot be read: {fault}.", file=path, remedy=REMEDY
        ) from fault
    args = content.get("plugin_args") or {} if isinstance(content, dict) else None
    if not isinstance(args, dict) or not isinstance(content.get("plugin"), str):
        raise InputError(
            "The file of --nipype-plugin-file names no plugin.", file=path, remedy=REMEDY
        )
    name = content["plugin"].removesuffix("Plugin")
    name = SAFE.get(name, name)
    if name not in OURS and _plugin_class(name) is None:
        raise InputError(
            f"The file of --nipype-plugin-file names the plugin {name!r}, which nipype has not.",
            file=path,
            remedy=REMEDY,
        )
    return PluginChoice(name, dict(args))


def make_foreign_plugin(choice: PluginChoice, observe: Observer) -> Any:
    """Plugin of nipype that tells what happens to each node, where it submits nodes one by one.

    Plugins that submit whole graphs tell nothing until they are done.
    """
    from nipype.pipeline.plugins.base import DistributedPluginBase

    from .node_events import ObservedPlugin

    base = _plugin_class(choice.name)
    assert base is not None
    if not issubclass(base, DistributedPluginBase):
        return base(plugin_args=choice.args)
    watched = type(f"Observed{choice.name}", (ObservedPlugin, base), {})
    return watched(plugin_args={**choice.args, "observe": observe})


def _plugin_class(name: str) -> Any:
    module = import_module("nipype.pipeline.plugins")
    return getattr(module, f"{name}Plugin", None)
