"""Flags of the command line that are no settings of a phase, by group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .overrides import add_overrides
from .run_options import AUTO, NO_MODEL
from .value_types import Gather, Replaceable, count, device, gigabytes, memory, named_folder


def add_selection(group: Any) -> None:
    """Which scans."""
    for flag, words in (
        ("--participant-label", "only these subjects"),
        ("--exclude-participant-label", "not these subjects"),
    ):
        group.add_argument(
            flag, action=Gather, nargs="+", default=Replaceable(), metavar="LABEL", help=words
        )
    group.add_argument(
        "--session-label",
        "--session-id",
        action=Gather,
        nargs="+",
        default=Replaceable(),
        metavar="LABEL",
        help="only these sessions",
    )
    group.add_argument(
        "--modalities",
        action=Gather,
        nargs="+",
        default=Replaceable(["T2w"]),
        metavar="NAME",
        help="kinds of scans: T2w, T1w, vibe, ct, and for systems that take any contrast also "
        "T2star, PDw, UNIT1, MTS and others (default: T2w)",
    )
    group.add_argument(
        "--bids-filter-file",
        type=Path,
        metavar="FILE",
        help='JSON file with pybids filters by modality: {"t2w": {"acquisition": "sag"}}; null '
        'asks that an entity is absent, "*" that it is there',
    )
    group.add_argument(
        "--ignore-bids-filter",
        action="store_true",
        help="take every image that is no mask, also if its name is not BIDS",
    )
    group.add_argument(
        "--skip-bids-validation",
        action="store_true",
        help="do not look for names and files that are not BIDS",
    )
    group.add_argument(
        "--average-4d", action="store_true", help="average 4-D images instead of refusing them"
    )


def add_models(group: Any) -> None:
    """Models and where they run."""
    for kind, extra in (("semantic", ""), ("instance", ""), ("labeling", f", or {NO_MODEL!r}")):
        group.add_argument(
            f"--model-{kind}",
            default=AUTO,
            metavar="MODEL",
            help=f"id or folder of the {kind} model{extra} (default: the one that fits the scan)",
        )
    group.add_argument(
        "--models-dir",
        type=Path,
        metavar="DIR",
        help="folder of installed models (default: SPINEPS_SEGMENTOR_MODELS)",
    )
    group.add_argument(
        "--ignore-inference-compatibility",
        dest="ignore_compatibility",
        action="store_true",
        help="run scans that do not fit the model",
    )
    group.add_argument(
        "--device",
        type=device,
        default=AUTO,
        help="where networks run: auto, cpu, cuda, cuda:1, mps",
    )


def add_resources(group: Any) -> None:
    """How to run: processors, memory, folders."""
    group.add_argument(
        "-w", "--work-dir", type=Path, metavar="DIR", help="work folder (default: OUTPUT_DIR/work)"
    )
    group.add_argument(
        "--clean-workdir",
        action="store_true",
        help="delete what earlier runs of this program left in the work folder, before the run",
    )
    group.add_argument(
        "--nprocs", type=count, metavar="N", help="processors (default: those of the machine)"
    )
    group.add_argument(
        "--omp-nthreads",
        type=count,
        metavar="N",
        help="threads of one network (default: processors shared among the scans)",
    )
    group.add_argument(
        "--mem",
        dest="mem_gb",
        type=memory,
        metavar="AMOUNT",
        help="memory, as 8G or 8000M (default: 90%% of what the machine, its cgroup or SLURM "
        "gives)",
    )
    group.add_argument("--mem-gb", dest="mem_gb", type=gigabytes, metavar="GB", help="older --mem")
    group.add_argument(
        "--low-mem",
        action="store_true",
        help="as little memory as possible: one node at a time, one cut-out in a network call",
    )
    group.add_argument(
        "--gpu-procs",
        type=count,
        metavar="N",
        help="networks on the GPU at the same time (default: 1)",
    )
    group.add_argument(
        "--plugin",
        choices=["MultiProc", "Linear", "SLURM", "SLURMGraph"],
        default="MultiProc",
        help="nodes in processes of their own, one after another in this one, or as jobs of a "
        "cluster (default: MultiProc)",
    )
    group.add_argument(
        "--nipype-plugin-file",
        type=Path,
        metavar="FILE",
        help="YAML file of nipype with plugin and plugin_args, for any of its plugins",
    )
    group.add_argument(
        "--sbatch-args",
        default="",
        metavar="OPTIONS",
        help="options of sbatch for every job of --plugin SLURM or SLURMGraph, as "
        '"--partition=long --account=spine --time=2:00:00"; threads and memory are asked for '
        "unless you do",
    )
    group.add_argument(
        "--gpu-sbatch-args",
        default="",
        metavar="OPTIONS",
        help='further options for jobs on a GPU, as "--partition=gpu --gres=gpu:a100:1" '
        "(default: --gres=gpu:1); networks run on the GPU then, unless --device says otherwise",
    )
    group.add_argument(
        "--stop-on-first-crash", action="store_true", help="do not go on with other scans"
    )
    group.add_argument(
        "--config-file",
        type=Path,
        metavar="FILE",
        help="TOML file with options by their names; the command line wins. Every run writes its "
        "own: OUTPUT_DIR/logs/RUN/config.toml",
    )


def add_reports(group: Any) -> None:
    """What a run tells."""
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="list scans and phases, what is stored, what would run and why; change nothing",
    )
    group.add_argument(
        "--boilerplate-only",
        action="store_true",
        help="only write the text for a methods section, with citations (OUTPUT_DIR/logs)",
    )
    group.add_argument(
        "--reports-only",
        action="store_true",
        help="only write the pages of the subjects again (with the level group also its table "
        "and page), from what is in OUTPUT_DIR; no network runs",
    )
    group.add_argument(
        "--write-graph", action="store_true", help="write the graph of the run beside its logs"
    )
    group.add_argument(
        "--resource-monitor",
        action="store_true",
        help="measure memory and processors over time: table and picture beside the logs",
    )
    group.add_argument(
        "--debug",
        action="store_true",
        help="for finding faults: as -vv, with tracebacks on the terminal, the first failure ends "
        "the run, and nodes run in this process (--plugin Linear)",
    )
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="say more; twice: say everything"
    )
    group.add_argument(
        "--notrack", action="store_true", help="accepted and without effect: nothing is tracked"
    )


def add_reuse(group: Any) -> None:
    """Stored results."""
    group.add_argument(
        "-d",
        "--derivatives",
        action=Gather,
        nargs="+",
        type=named_folder,
        default=Replaceable(),
        metavar="NAME=PATH",
        help="folders with corrected masks: one found there for a scan, named as the result of a "
        "system, stands for what the system would make",
    )
    group.add_argument(
        "--manual-labels",
        type=Path,
        metavar="FILE",
        help="TSV file with names of vertebrae that a reader fixed: scan, name, and found (the "
        "name given so far; where other scans of the session renamed it, that in the column found "
        "of its table) or x, y, z (a point in it, mm)",
    )
    group.add_argument(
        "--no-session-names",
        action="store_true",
        help="name the vertebrae of each scan by itself; by default all scans of a session decide "
        "together, where they show the same vertebrae (never with --numerics spineps-2.1.3)",
    )
    add_overrides(group)
    group.add_argument(
        "--reuse",
        choices=["same", "any"],
        default="same",
        help="keep stored results only if made with the same settings and models, or always "
        "(as SPINEPS does)",
    )
    group.add_argument(
        "--output-layout",
        choices=["spineps", "bids"],
        default="spineps",
        help="names of the results: those of SPINEPS, or BIDS derivatives (default: spineps)",
    )
