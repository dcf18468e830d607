"""The command ``spineps-wf BIDS_DIR OUTPUT_DIR participant``.

Nothing heavy is imported here: ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import Field, fields
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

from spineps_nipype import __version__
from spineps_nipype.settings import OverrideSettings, PipelineSettings, choices

from .options import AUTO, NO_MODEL, RunOptions

EPILOG: Final = """\
Exit status: 0 all scans are done; 1 nothing could run; 2 wrong usage; 3 some scans failed.
The last line says which scans failed and why; OUTPUT_DIR/logs holds a table of every run.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = build_parser()
    arguments = parser.parse_args(_with_hyphens(sys.argv[1:] if argv is None else argv))
    try:
        options = options_from(arguments)
    except ValueError as fault:  # a setting whose form argparse does not know
        parser.error(str(fault))
    from .participant import run_participants

    return run_participants(options)


def build_parser() -> argparse.ArgumentParser:
    """Parser of the command line, without side effects."""
    parser = argparse.ArgumentParser(
        prog="spineps-wf",
        usage="%(prog)s [options] BIDS_DIR OUTPUT_DIR participant",
        description="Segment the spine in the scans of a BIDS dataset: masks of structures and "
        "vertebrae, centroids, and a snapshot of each scan.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("bids_dir", type=Path, help="dataset with the scans; it is only read")
    parser.add_argument("output_dir", type=Path, help="folder for the results")
    parser.add_argument("analysis_level", choices=["participant"], help="what to run")
    parser.add_argument("--version", action="version", version=f"spineps-wf {__version__}")
    _add_selection(parser.add_argument_group("which scans"))
    _add_models(parser.add_argument_group("models"))
    _add_resources(parser.add_argument_group("how to run"))
    _add_reuse(parser.add_argument_group("stored results"))
    _add_settings(parser)
    return parser


def options_from(arguments: argparse.Namespace) -> RunOptions:
    """Options of a run from parsed arguments; all paths become absolute."""
    given = vars(arguments).copy()
    del given["analysis_level"]
    names = {f.name for f in fields(RunOptions)}
    settings = {o.name: given.pop(o.name) for o in _pipeline_options()}
    settings["numerics"] = given.pop("numerics")
    override = {o.name: given.pop(o.name) for o in fields(OverrideSettings)}
    for name in ("bids_dir", "output_dir", "work_dir", "bids_filter_file"):
        if given[name] is not None:
            given[name] = Path(given[name]).expanduser().absolute()
    for name in ("participant_label", "session_label", "modalities"):
        given[name] = tuple(given[name])
    return RunOptions(
        **{name: value for name, value in given.items() if name in names},
        settings=PipelineSettings.from_flat(settings),
        override=OverrideSettings(**override),
    )


def _add_selection(group: Any) -> None:
    group.add_argument(
        "--participant-label", nargs="+", default=[], metavar="LABEL", help="only these subjects"
    )
    group.add_argument(
        "--session-label", nargs="+", default=[], metavar="LABEL", help="only these sessions"
    )
    group.add_argument(
        "--modalities",
        nargs="+",
        default=["T2w"],
        metavar="NAME",
        help="kinds of scans: T2w, T1w, vibe, ct (default: T2w)",
    )
    group.add_argument(
        "--bids-filter-file",
        type=Path,
        metavar="FILE",
        help='JSON file with pybids filters by modality: {"t2w": {"acquisition": "sag"}}',
    )
    group.add_argument(
        "--ignore-bids-filter",
        action="store_true",
        help="take every image that is no mask, also if its name is not BIDS",
    )
    group.add_argument(
        "--average-4d", action="store_true", help="average 4-D images instead of refusing them"
    )


def _add_models(group: Any) -> None:
    for kind, extra in (("semantic", ""), ("instance", ""), ("labeling", f", or {NO_MODEL!r}")):
        group.add_argument(
            f"--model-{kind}",
            default=AUTO,
            metavar="MODEL",
            help=f"id or folder of the {kind} model{extra} (default: the one that fits the scan)",
        )
    group.add_argument(
        "--ignore-inference-compatibility",
        dest="ignore_compatibility",
        action="store_true",
        help="run scans that do not fit the model",
    )
    group.add_argument(
        "--device", default=AUTO, help="where networks run: auto, cpu, cuda, cuda:1, mps"
    )


def _add_resources(group: Any) -> None:
    group.add_argument(
        "-w", "--work-dir", type=Path, metavar="DIR", help="work folder (default: OUTPUT_DIR/work)"
    )
    group.add_argument(
        "--nprocs", type=_count, metavar="N", help="processors (default: those of the machine)"
    )
    group.add_argument(
        "--omp-nthreads",
        type=_count,
        metavar="N",
        help="threads of one network (default: processors shared among the scans)",
    )
    group.add_argument(
        "--mem-gb", type=_amount, metavar="GB", help="memory (default: 90%% of the machine's)"
    )
    group.add_argument(
        "--plugin",
        choices=["MultiProc", "Linear"],
        default="MultiProc",
        help="nodes in processes of their own, or one after another in this one",
    )
    group.add_argument(
        "--stop-on-first-crash", action="store_true", help="do not go on with other scans"
    )
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="list scans and phases, what is stored, what would run and why; change nothing",
    )
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="say more; twice: say everything"
    )


def _add_reuse(group: Any) -> None:
    for option in fields(OverrideSettings):
        _add_option(group, option, bool)
    group.add_argument(
        "--reuse",
        choices=["same", "any"],
        default="same",
        help="keep stored results only if made with the same settings and models, or always "
        "(as SPINEPS does)",
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """One flag for every option of the pipeline."""
    seen: set[str] = set()
    hints = get_type_hints(PipelineSettings)
    for part in fields(PipelineSettings):
        if part.name == "numerics":
            parser.add_argument(
                "--numerics",
                choices=choices(hints["numerics"]),
                default=part.default,
                help=str(part.metadata["help"]),
            )
            continue
        title = (hints[part.name].__doc__ or part.name).splitlines()[0].rstrip(".")
        group = parser.add_argument_group(title[:1].lower() + title[1:])
        types = get_type_hints(hints[part.name])
        for option in fields(hints[part.name]):
            if option.name not in seen:
                _add_option(group, option, types[option.name])
            seen.add(option.name)


def _add_option(group: Any, option: Field[Any], kind: Any) -> None:
    """Flag of one option: its type, default, unit and help text stand in the settings."""
    flag = "--" + (option.metadata["flag"] or option.name).replace("_", "-")
    unit = option.metadata["unit"]
    text = option.metadata["help"].replace("%", "%%")
    plain = next((k for k in get_args(kind) if k is not NoneType), kind)
    optional = NoneType in get_args(kind)
    if plain is bool or kind is bool:
        default = "" if optional else f" (default: {'on' if option.default else 'off'})"
        group.add_argument(
            flag,
            dest=option.name,
            action=argparse.BooleanOptionalAction,
            default=option.default,
            help=text + default,
        )
        return
    words = choices(kind)
    default = "" if optional else f" (default: {option.default}{' ' + unit if unit else ''})"
    group.add_argument(
        flag,
        dest=option.name,
        type=str if words else plain,
        choices=words or None,
        default=option.default,
        metavar=None if words else (unit.upper().replace(" ", "_") or plain.__name__.upper()),
        help=text + default,
    )


def _pipeline_options() -> list[Field[Any]]:
    hints = get_type_hints(PipelineSettings)
    found = {
        option.name: option
        for part in fields(PipelineSettings)
        if part.name != "numerics"
        for option in fields(hints[part.name])
    }
    return list(found.values())


def _with_hyphens(argv: Sequence[str]) -> list[str]:
    """Arguments with ``--participant_label`` spelled ``--participant-label``."""
    spelled = []
    for argument in argv:
        name, equals, value = argument.partition("=")
        spelled.append(name.replace("_", "-") + equals + value if name[:2] == "--" else argument)
    return spelled


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _amount(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
