"""The command ``spineps-wf BIDS_DIR OUTPUT_DIR participant``.

Nothing heavy is imported here: ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__
from spineps_nipype.bids.query import canonical_modality
from spineps_nipype.bids.sidecars import RAW_LINK
from spineps_nipype.core.files import only_below
from spineps_nipype.models.folders import cache_folder
from spineps_nipype.settings import flat_values, options_of, with_values
from spineps_nipype.spineps.settings import PipelineSettings

from .options.config_file import parse_with_config
from .options.other_systems import OTHER_SYSTEMS, add_system_flags
from .options.other_words import understood
from .options.overrides import override_flags
from .options.run_flags import add_models, add_reports, add_resources, add_reuse, add_selection
from .options.run_options import Folders, RunOptions, Task
from .options.setting_flags import add_phases, check_values, flag_of, stated
from .options.start_up import output_is_lost, run_command
from .options.value_types import Parser, blamed_on

PROGRAM: Final = "spineps-wf"
EPILOG: Final = """\
Exit status: 0 all scans are done; 1 nothing could run; 2 wrong usage; 3 some scans failed.
The last line says which scans failed and why; OUTPUT_DIR/logs holds a table of every run.
"""
MUST_EXIST: Final = {
    "models_dir": "--models-dir",
    "bids_filter_file": "--bids-filter-file",
    "manual_labels": "--manual-labels",
    "nipype_plugin_file": "--nipype-plugin-file",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run_command(PROGRAM, lambda: _main(argv), own_process=argv is None)


def _main(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    words = understood(parser, sys.argv[1:] if argv is None else argv)
    arguments = parse_with_config(parser, words)
    try:
        options = options_from(arguments)
    except ValueError as fault:  # a setting whose form argparse does not know
        parser.error(str(fault))
    _check_paths(parser, options)
    _check_task(parser, options.task)
    try:
        with only_below(*_writable(options)):
            return _run(options)
    except KeyboardInterrupt:  # before scans run; later, a run says itself what is finished
        print("Nothing was run: it was stopped.")
        return 1


def build_parser() -> Parser:
    """Parser of the command line, without side effects."""
    parser = Parser(
        prog=PROGRAM,
        usage="%(prog)s BIDS_DIR OUTPUT_DIR {participant,group} [options]",
        description="Segment the spine in the scans of a BIDS dataset: masks of structures and "
        "vertebrae, centroids, and a snapshot of each scan.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("bids_dir", type=Path, help="dataset with the scans; it is only read")
    parser.add_argument("output_dir", type=Path, help="folder for the results")
    parser.add_argument(
        "analysis_level",
        choices=["participant", "group"],
        help="participant: segment scans; group: one table and one page of all that are stored",
    )
    parser.add_argument("--version", action="version", version=f"spineps-wf {__version__}")
    add_selection(parser.add_argument_group("which scans"))
    add_models(parser.add_argument_group("models"))
    add_resources(parser.add_argument_group("how to run"))
    add_reports(parser.add_argument_group("what a run tells"))
    add_reuse(parser.add_argument_group("stored results and corrections"))
    add_phases(parser, PipelineSettings)
    add_system_flags(parser)
    return parser


def options_from(arguments: argparse.Namespace) -> RunOptions:
    """Options of a run from parsed arguments; all paths become absolute.

    Raises
    ------
    ValueError
        With the flag and its value, if a value is none that the parser could refuse.
    """
    given = vars(arguments).copy()
    given["level"] = given.pop("analysis_level")
    given["pipelines"] = list(dict.fromkeys(given["pipelines"]))
    options = options_of(RunOptions)
    values: dict[str, Any] = {
        key: stated(option, given[key]) for key, option in options.items() if key in given
    }
    values["override"] = tuple(name for name, _ in override_flags() if given[name])
    with blamed_on("--modalities"):
        for word in values["modalities"]:
            canonical_modality(word)
    check_values(options, values)
    if values["debug"]:
        values.update(plugin="Linear", stop_on_first_crash=True, verbose=2)
    if values["low_mem"]:
        values["proc_inst_batch_size"] = 1
    return with_values(RunOptions(Folders(values["bids_dir"], values["output_dir"])), values)


def _writable(options: RunOptions) -> list[Path]:
    """Folders below which a run may write: those it was given, and those for passing files."""
    folders = options.folders
    passing = []
    for place in (cache_folder, tempfile.gettempdir):
        with suppress(OSError, RuntimeError):  # without a home, or a temporary folder: none goes
            passing.append(Path(place()))
    return [folders.output_dir, folders.work_folder, *passing]


def _run(options: RunOptions) -> int:
    """Run the level that is asked for; returns the exit status."""
    task = options.task
    if task.level == "group":
        from .app.group import run_group

        return run_group(options.folders, options.selection, pages_first=task.reports_only)
    if task.reports_only:
        from .app.group import run_reports

        return run_reports(options.folders, options.selection)
    from .app.pipelines import run_pipelines

    status = run_pipelines(options)
    if task.dry_run and status == 0 and output_is_lost():  # its words were all it was to make
        return 1
    return status


def _check_paths(parser: Parser, options: RunOptions) -> None:
    """Refuse paths that are not there, by the name of their option."""
    places = options.folders
    dataset, values = places.bids_dir, flat_values(options)
    for name, place in (
        ("BIDS_DIR", dataset),
        ("OUTPUT_DIR", places.output_dir),
        ("-w", places.work_folder),
    ):
        if any(_is_no_text(part) for part in place.parts):
            parser.error(
                f"argument {name}: the name of {str(place)!a} is not UTF-8; rename the "
                "folder, or give a link to it"
            )
    if dataset.is_file():
        parser.error(
            f"argument BIDS_DIR: {dataset} is a file; give the folder that holds it as "
            "sub-01/anat/sub-01_T2w.nii.gz"
        )
    if not dataset.is_dir():
        parser.error(f"argument BIDS_DIR: the folder {dataset} does not exist")
    for name, flag in MUST_EXIST.items():
        path = values[name]
        kind = "folder" if name.endswith("_dir") else "file"
        if path is not None and not (path.is_dir() if kind == "folder" else path.is_file()):
            parser.error(f"argument {flag}: there is no {kind} {path}")
    for system in OTHER_SYSTEMS.values():
        for key, option in options_of(system).items():
            path = values[key]
            if isinstance(path, Path) and not path.exists():
                parser.error(f"argument {flag_of(option)}: there is nothing at {path}")
    taken = {RAW_LINK}
    for name, path in options.results.derivatives:
        if not path.is_dir():
            parser.error(f"argument -d/--derivatives: {name}={path} is no folder")
        if name in taken:  # sidecars name their sources by it
            parser.error(
                f"argument -d/--derivatives: {name}={path}: the name is taken; choose one"
            )
        taken.add(name)


def _is_no_text(name: str) -> bool:
    """Whether the name of a file holds bytes that are no text, which Python hides in it."""
    return any("\ud800" <= letter <= "\udfff" for letter in name)


def _check_task(parser: Parser, task: Task) -> None:
    """Refuse flags that say what a run of networks shall do where none runs."""
    if task.level == "participant" and not task.reports_only:
        return
    place = "the level group" if task.level == "group" else "--reports-only"
    for flag, asked in (
        ("--dry-run", task.dry_run),
        ("--boilerplate-only", task.boilerplate_only),
    ):
        if asked:
            parser.error(f"argument {flag}: not with {place}")


if __name__ == "__main__":
    sys.exit(main())
