"""The command ``spineps-wf-convert``: label maps of one system in the numbers of another."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__
from spineps_nipype.errors import InputError, OutputError, SpinepsError

from ..options.start_up import run_command

PROGRAM: Final = "spineps-wf-convert"
SYSTEMS: Final = (
    "spineps",
    "totalspineseg",
    "totalspineseg_step1",
    "spine_segmentation",
    "totalsegmentator",
    "totalsegmentator_mr",
    "sct_levels",
)
"""The same as `core.canonical.SYSTEMS`, which takes time to import."""
EPILOG: Final = """\
The source spineps reads the vertebra mask (INPUT) and, with --spine, the semantic mask; the
target spineps writes both. The vertebra mask of SPINEPS can be converted only if a labelling model
gave its names: say so with --numbering anatomical. Exit status: 0 converted; 1 refused; 2 wrong
usage.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run_command(PROGRAM, lambda: _main(argv), own_process=argv is None)


def _main(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        _convert(arguments)
    except SpinepsError as fault:
        print(f"{PROGRAM}: error: {fault}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Parser of the command line, without side effects."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Convert a label map between SPINEPS, TotalSpineSeg, spine-segmentation, "
        "TotalSegmentator and the levels of the Spinal Cord Toolbox.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "input", type=Path, nargs="?", help="label map; for spineps the vertebra mask"
    )
    parser.add_argument("output", type=Path, nargs="?", help="converted label map")
    parser.add_argument("--from", dest="source", choices=SYSTEMS, required=True, help="its system")
    parser.add_argument(
        "--to", dest="target", choices=SYSTEMS, required=True, help="wanted system"
    )
    parser.add_argument("--spine", type=Path, metavar="FILE", help="semantic mask of SPINEPS")
    parser.add_argument(
        "--out-spine", type=Path, metavar="FILE", help="where the semantic mask of SPINEPS goes"
    )
    parser.add_argument(
        "--numbering",
        choices=("anatomical", "counted"),
        help="numbers of the vertebra mask of SPINEPS: by a labelling model, or from the top",
    )
    parser.add_argument(
        "--losses", type=Path, metavar="FILE", help="table (TSV) of what was dropped or merged"
    )
    parser.add_argument(
        "--strict", action="store_true", help="refuse to drop anything; nothing is written then"
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def _convert(arguments: argparse.Namespace) -> None:
    from spineps_nipype.core.convert_labels import convert_labels
    from spineps_nipype.core.images import save_nii

    _check_names(arguments)
    vert, spine = _load_masks(arguments)
    grid = vert if vert is not None else spine
    like = arguments.input if vert is not None else arguments.spine
    try:
        found = convert_labels(
            None if vert is None else vert.get_array(),
            arguments.source,
            arguments.target,
            spine=None if spine is None else spine.get_array(),
            numbering=arguments.numbering,
            strict=arguments.strict,
            spacing=grid.zoom,
        )
    except InputError as fault:
        fault.file = like
        raise
    if arguments.out_spine is not None and found.spine is None:
        raise InputError(
            f"{arguments.target} has no semantic mask for --out-spine.",
            remedy="Leave that option out.",
        )
    save_nii(grid.set_array(found.labels, seg=True), arguments.output, like=like)
    if arguments.out_spine is not None:
        save_nii(grid.set_array(found.spine, seg=True), arguments.out_spine, like=like)
    _report_losses(found, arguments.losses)


def _check_names(arguments: argparse.Namespace) -> None:
    """Find out which file is which, and refuse outputs that would replace others.

    Raises
    ------
    InputError, OutputError
        If the output has no name, or none that it can have.
    """
    from .output_names import check_image_name, check_outputs

    if arguments.output is None and arguments.spine is not None:  # only a semantic mask
        arguments.input, arguments.output = None, arguments.input
    if arguments.output is None:
        raise InputError("There is no name for the output.", remedy="Give INPUT and OUTPUT.")
    images = {arguments.output: "converted label map"}
    if arguments.out_spine is not None:
        if arguments.out_spine == arguments.output:
            raise OutputError(
                "Both outputs have one name.",
                file=arguments.output,
                remedy="Give each a name of its own.",
            )
        images[arguments.out_spine] = "semantic mask"
    for path in images:
        check_image_name(path)
    tables = {} if arguments.losses is None else {arguments.losses: "table of losses"}
    check_outputs({**images, **tables}, filter(None, (arguments.input, arguments.spine)))


def _load_masks(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Vertebra and semantic mask on one grid; one of them may be None."""
    from spineps_nipype.core.geometry import to_input_grid
    from spineps_nipype.core.images import load_mask

    vert = None if arguments.input is None else load_mask(arguments.input)
    spine = None if arguments.spine is None else load_mask(arguments.spine)
    if vert is not None and spine is not None:
        spine = to_input_grid(spine, vert)
    return vert, spine


def _report_losses(found: Any, table: Path | None) -> None:
    """Print what the target has no label for, and write it into a table."""
    from spineps_nipype.core.tables import write_table

    if table is not None:
        columns = ["name", "voxels", "kind", "reason"]
        write_table([asdict(loss) for loss in found.losses], table, columns)
    for loss in found.losses:
        print(f"{loss.kind}: {loss.name} ({loss.voxels} voxels): {loss.reason}")
    if found.extent != "whole":
        print(f"vertebrae cover: {found.extent}")


if __name__ == "__main__":
    sys.exit(main())
