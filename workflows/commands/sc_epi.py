"""The command ``spineps-sc-epi -i IMAGE … [-o NAME]``: the cord in EPI images.

Flags are those of ``sct_deepseg sc_epi`` of the Spinal Cord Toolbox 7.0. Nothing heavy is
imported here.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from spineps_nipype import __version__
from spineps_nipype.errors import SpinepsError
from spineps_nipype.sc_epi.settings import EpiSegSettings
from spineps_nipype.settings import Option

from ..options.setting_flags import argument_of, flagged, stated
from ..options.start_up import run_command
from ..options.value_types import device
from .profiling import TIME_FILE, memory_trace, profile_path, time_profile

PROGRAM: Final = "spineps-sc-epi"
WRONG_USAGE, FAILED = 2, 1
LEVELS: Final = {0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}
MIRRORING: Final = "epi_tta"
OWN_FLAGS: Final = {MIRRORING: "-test-time-aug", "sc_epi_numerics": "-numerics"}
"""Options by key whose flags have other names than with ``spineps-wf``."""
logger = logging.getLogger("spineps_nipype.sc_epi")


class _Parser(argparse.ArgumentParser):
    """Parser that answers a mistake with the whole help, as the toolbox does."""

    def error(self, message: str) -> NoReturn:
        self.print_help(sys.stderr)
        self.exit(WRONG_USAGE, f"\n{self.prog}: error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 an image failed, 2 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    return run_command(PROGRAM, lambda: _main(words), own_process=argv is None)


def _main(words: Sequence[str]) -> int:
    parser = build_parser()
    arguments = parser.parse_args(words)
    _check(parser, arguments)
    start = time.monotonic()
    with (
        _messages(LEVELS[arguments.verbosity]),
        time_profile(arguments.profile_time),
        memory_trace(arguments.trace_memory),
    ):
        try:
            status = _run(arguments, words)
        except SpinepsError as fault:
            print(f"{PROGRAM}: error: {fault}", file=sys.stderr)
            status = FAILED
        logger.info("Total runtime; %.3f seconds.", time.monotonic() - start)
    return status


@contextmanager
def _messages(level: int) -> Iterator[None]:
    """Print what this package says."""
    ours = logging.getLogger("spineps_nipype")
    before, terminal = ours.level, logging.StreamHandler(sys.stdout)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    ours.addHandler(terminal)
    ours.setLevel(level)
    try:
        yield
    finally:
        ours.removeHandler(terminal)
        ours.setLevel(before)


def build_parser() -> argparse.ArgumentParser:
    """Parser of the command line, without side effects."""
    parser = _Parser(
        prog=PROGRAM,
        description="Segment the spinal cord in EPI images (EPISeg).",
        allow_abbrev=False,
        add_help=False,
    )
    add = parser.add_argument
    add("-i", dest="images", nargs="+", type=Path, default=[], metavar="FILE", help="images")
    add("-o", dest="out", metavar="NAME", help="output name (default: that of the image, _seg)")
    add("-install", action="store_true", help="fetch and install the model, then end")
    add("-custom-url", nargs="+", metavar="URL", help="with -install: another archive")
    add("-model", type=Path, metavar="DIR", help="folder of the model (default: the installed)")
    for key, option in flagged(EpiSegSettings).items():
        flag = OWN_FLAGS.get(key, f"-{key.replace('_', '-')}")
        add(flag, **{**argument_of(option), **_as_the_toolbox(key, option)})
    add(
        "-device",
        type=device,
        default="auto",
        help="where the network runs: auto, cpu, cuda, cuda:1, mps",
    )
    add("-threads", type=int, default=0, metavar="N", help="processor threads (default: all)")
    add("-qc", type=Path, metavar="DIR", help="add pictures to the report in this folder")
    add("-qc-dataset", default="", metavar="TEXT", help="data set on the page")
    add("-qc-subject", default="", metavar="TEXT", help="subject on the page")
    add("-qc-seg", type=Path, metavar="FILE", help="mask around which the pictures are cut")
    add("-h", "-help", "--help", action="help", help="say this")
    add("-version", "--version", action="version", version=f"{PROGRAM} {__version__}")
    add(
        "-v",
        dest="verbosity",
        type=int,
        choices=(0, 1, 2),
        default=1,
        metavar="0/1/2",
        help="warnings, what is done, everything (default: 1)",
    )
    add(
        "-profile-time",
        nargs="?",
        const=TIME_FILE,
        metavar="FILE",
        help="write where the time goes; *.prof for binary statistics",
    )
    add("-trace-memory", nargs="?", const=".", metavar="DIR", help="write the peak of memory")
    add(
        "-r",
        dest="remove",
        type=int,
        choices=(0, 1),
        default=1,
        metavar="0/1",
        help="remove temporary files (default: 1)",
    )
    return parser


def _as_the_toolbox(key: str, option: Option) -> dict[str, Any]:
    """How an argument differs from that of ``spineps-wf``: switches are 0 or 1."""
    if option.kind is not bool:
        return {}
    if key == MIRRORING:
        return {"action": "store_true"}
    words = f"{option.field.metadata['help']} (default: {int(bool(option.field.default))})"
    return {"action": "store", "type": int, "choices": (0, 1), "metavar": "0/1", "help": words}


def settings_of(arguments: argparse.Namespace) -> EpiSegSettings:
    """Settings from parsed arguments."""
    given = vars(arguments)
    return EpiSegSettings.from_flat(
        {
            key: stated(option, bool(given[key]) if option.kind is bool else given[key])
            for key, option in flagged(EpiSegSettings).items()
        }
    )


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if arguments.custom_url and not arguments.install:
        parser.error("'-custom-url' needs '-install'.")
    if not (arguments.install or arguments.images):
        parser.error("You must specify an image ('-i'), or '-install'.")
    given = len(arguments.custom_url or [""])
    if given != 1:
        parser.error(f"Expected 1 URL(s) for task sc_epi, but got {given} URL(s) instead.")
    for path in [*arguments.images, *([arguments.qc_seg] if arguments.qc_seg else [])]:
        if not path.is_file():
            parser.error(f"This file does not exist: {path}")
    if arguments.profile_time is not None:
        profile = profile_path(arguments.profile_time)
        if profile.exists() and any(profile.samefile(image) for image in arguments.images):
            parser.error(f"The time profile would replace an image: {profile}")


def _run(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    if arguments.install:
        from spineps_nipype.sc_epi.model import install_model

        url = arguments.custom_url[0] if arguments.custom_url else None
        package = install_model(url, arguments.model)
        print(f"The model is installed in {package.package.folder}.")
        return 0
    from .sc_epi_run import segment_images

    command = shlex.join([PROGRAM, *(Path(w).name if "/" in w else w for w in words)])
    return segment_images(arguments, settings_of(arguments), command)


if __name__ == "__main__":
    sys.exit(main())
