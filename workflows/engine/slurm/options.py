"""What a run asks of SLURM for each of its jobs."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.files import is_file
from spineps_nipype.core.text_files import read_text
from spineps_nipype.errors import ResourceError

CPU_OPTIONS: Final = frozenset({"-c", "--cpus-per-task"})
MEMORY_OPTIONS: Final = frozenset({"--mem", "--mem-per-cpu", "--mem-per-gpu"})
GPU_OPTIONS: Final = frozenset(
    {"-G", "--gpus", "--gpus-per-node", "--gpus-per-task", "--gpus-per-socket"}
)
UNUSABLE: Final = frozenset(
    {
        "-a",
        "--array",
        "-D",
        "--chdir",
        "-d",
        "--dependency",
        "-W",
        "--wait",
        "--wrap",
        "--test-only",
    }
)
"""Options of sbatch with which a run could not follow its jobs."""
POLL: Final = 5.0
"""Time between two looks at the queue [s]."""
PATIENCE: Final = 3600.0
"""Time that SLURM may be out of reach before its jobs are given up [s]."""
MIB: Final = 2**20


@dataclass(frozen=True)
class SlurmOptions:
    """Options of the plugins SLURM and SLURMGraph, from their `plugin_args`.

    Parameters
    ----------
    sbatch_args
        Options for each job, as on the command line of sbatch. They go before what a node needs.
    gpu_sbatch_args
        Further options for jobs that use a GPU.
    template
        First lines of each job script, such as ``module load``; text, or a file that holds it.
    command_prefix
        Words before the command of each job, such as those that enter a container.
    poll
        Time between two looks at the queue [s].
    patience
        Time that SLURM may be out of reach before its jobs are given up [s].
    """

    sbatch_args: tuple[str, ...] = ()
    gpu_sbatch_args: tuple[str, ...] = ()
    template: str = "#!/bin/bash"
    command_prefix: tuple[str, ...] = ()
    poll: float = POLL
    patience: float = PATIENCE

    @classmethod
    def from_plugin_args(cls, args: Mapping[str, Any]) -> SlurmOptions:
        """Read `plugin_args`; entries of other plugins are left alone.

        Raises
        ------
        ResourceError
            If an entry cannot be used.
        """
        template = _template(args.get("template") or cls.template)
        return cls(
            sbatch_args=_sbatch_words(args, "sbatch_args"),
            gpu_sbatch_args=_sbatch_words(args, "gpu_sbatch_args"),
            template=template if template.startswith("#!") else f"{cls.template}\n{template}",
            command_prefix=_words(args, "command_prefix"),
            poll=_seconds(args, "poll", POLL),
            patience=_seconds(args, "patience", PATIENCE),
        )


def _template(given: Any) -> str:
    """First lines of a job script: the text itself, or that of the file that it names.

    Raises
    ------
    ResourceError
        If that file cannot be read.
    """
    text = str(given)
    if "\n" in text or not is_file(Path(text)):
        return text
    try:
        return read_text(text)
    except (OSError, ValueError) as fault:
        raise ResourceError(
            f"The template of job scripts cannot be read: {fault}.",
            file=text,
            remedy="Save it as text in UTF-8.",
        ) from fault


def job_options(node: Any, options: SlurmOptions) -> list[str]:
    """Options of sbatch for a node: what it needs, and what the user asks for.

    Processors, memory and GPU of the node become ``--cpus-per-task``, ``--mem`` and
    ``--gres=gpu:1``, each unless the user says something else about it. Entries of the node's own
    `plugin_args` are those of nipype: ``sbatch_args``, and ``overwrite`` for those alone.

    Parameters
    ----------
    node
        Node of nipype.
    options
        Options of the plugin.
    """
    own = getattr(node, "plugin_args", None) or {}
    asked = [] if own.get("overwrite") else list(options.sbatch_args)
    on_gpu = bool(node.is_gpu_node())
    if on_gpu and not own.get("overwrite"):
        asked += options.gpu_sbatch_args
    asked += _sbatch_words(own, "sbatch_args")
    names = _names(asked)
    needs = []
    if not names & CPU_OPTIONS:
        needs.append(f"--cpus-per-task={int(node.n_procs)}")
    if not names & MEMORY_OPTIONS:
        needs.append(f"--mem={math.ceil(node.mem_gb * 1e9 / MIB)}M")
    gres = _values(asked, "--gres")
    if not on_gpu or names & GPU_OPTIONS or any("gpu" in value for value in gres):
        return [*needs, *asked]
    return [*needs, *asked, f"--gres={','.join([*gres[-1:], 'gpu:1'])}"]


def _sbatch_words(args: Mapping[str, Any], key: str) -> tuple[str, ...]:
    words = _words(args, key)
    wrong = sorted(_names(words) & UNUSABLE)
    if wrong:
        raise ResourceError(
            f"The option {wrong[0]} of sbatch cannot be used for jobs of a run.",
            remedy=f"Take it out of {key}.",
        )
    return words


def _words(args: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = args.get(key) or ()
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError as fault:
            raise ResourceError(
                f"{key} cannot be read: {fault}: {value!r}.", remedy="Close its quotation marks."
            ) from fault
    if isinstance(value, Sequence):
        return tuple(str(word) for word in value)
    raise ResourceError(f"{key} must be text or a list, not {value!r}.")


def _seconds(args: Mapping[str, Any], key: str, default: float) -> float:
    value = args.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ResourceError(f"{key} must be a number of seconds above 0, not {value!r}.")
    return float(value)


def _names(words: Iterable[str]) -> set[str]:
    """Names of the options among words: ``--mem=4G`` is ``--mem``, ``-c4`` is ``-c``."""
    return {
        word.partition("=")[0] if word.startswith("--") else word[:2]
        for word in words
        if word.startswith("-")
    }


def _values(words: Sequence[str], name: str) -> list[str]:
    """Values of a long option, written with ``=`` or as two words."""
    joined = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
    apart = [after for word, after in itertools.pairwise(words) if word == name]
    return joined + apart
