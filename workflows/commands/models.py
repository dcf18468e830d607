"""The command ``spineps-wf-models list | show | fetch | verify | import``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__
from spineps_nipype.errors import ModelError, SpinepsError
from spineps_nipype.models.folders import MODELS_VARIABLE
from spineps_nipype.models.registry import Release, registry

from ..options.start_up import output_is_lost, run_command

PROGRAM: Final = "spineps-wf-models"
EPILOG: Final = """\
Weights are the work of their authors: mind the licence that 'show' names, and cite them. The
sha256 of a file is pinned in the models folder when it first comes, and enforced from then on.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0, or 1 if something is wrong."""
    return run_command(PROGRAM, lambda: _main(argv), own_process=argv is None)


def _main(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        status = int(arguments.action(arguments))
        return 1 if output_is_lost() else status
    except SpinepsError as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the command goes on where it stopped", file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Parser of the command line, without side effects."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Released model packages: what there is, and installing it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"spineps-wf-models {__version__}")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _action(actions, "list", _list, "what there is, and what is installed")
    _action(actions, "show", _show, "address, licence, citation of packages", ids="+")
    fetch = _action(actions, "fetch", _fetch, "download and install packages", ids="+")
    fetch.add_argument(
        "--mirror", metavar="URL", help="folder with the files of releases, instead of their own"
    )
    _action(actions, "verify", _verify, "compare installed packages with what came", ids="*")
    carried = _action(actions, "import", _import, "install files that were carried over by hand")
    carried.add_argument("id", metavar="ID", type=_id)
    carried.add_argument("files", metavar="FILE", nargs="+", type=Path)
    return parser


def _action(actions: Any, name: str, run: Any, words: str, ids: str | None = None) -> Any:
    parser = actions.add_parser(name, help=words, description=words, allow_abbrev=False)
    parser.set_defaults(action=run)
    parser.add_argument(
        "--models-dir",
        type=Path,
        metavar="DIR",
        help=f"folder of installed models (default: {MODELS_VARIABLE})",
    )
    if ids is not None:
        parser.add_argument(
            "ids", metavar="ID", nargs=ids, type=_ids, help="package, system, or 'all'"
        )
    return parser


def _id(text: str) -> str:
    if text.lower() not in registry():
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(registry())}")
    return text.lower()


def _ids(text: str) -> list[str]:
    """Ids that a word stands for."""
    of_family = [r.id for r in registry().values() if r.family.lower() == text.lower()]
    return list(registry()) if text == "all" else of_family or [_id(text)]


def _chosen(arguments: argparse.Namespace) -> list[Release]:
    ids = [id_ for some in arguments.ids for id_ in some]
    return [registry()[id_] for id_ in dict.fromkeys(ids)]


def _models(arguments: argparse.Namespace) -> Path:
    stated = arguments.models_dir or os.environ.get(MODELS_VARIABLE)
    if not stated:
        raise ModelError(
            "It is not known where models are installed.",
            remedy=f"Give --models-dir DIR, or set {MODELS_VARIABLE} to a folder.",
        )
    return Path(stated).expanduser().absolute()


def _list(arguments: argparse.Namespace) -> int:
    from spineps_nipype.models.install import installed_folder

    known = bool(arguments.models_dir or os.environ.get(MODELS_VARIABLE))
    models = _models(arguments) if known else Path()
    print(f"{'package':<22}{'system':<20}{'installed':<11}about")
    for release in registry().values():
        there = known and installed_folder(release, models) is not None
        print(f"{release.id:<22}{release.family:<20}{'yes' if there else '-':<11}{release.about}")
    print(f"models folder: {models if known else f'none (--models-dir, {MODELS_VARIABLE})'}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    for release in _chosen(arguments):
        print(f"{release.id}: {release.about} ({release.family})")
        for url in release.urls:
            print(f"  file      {url}")
        print(f"  folder    {release.folder}")
        print(f"  licence   {release.licence}")
        print(f"  citation  {release.citation}")
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    from spineps_nipype.models.install import fetch

    models, failed = _models(arguments), 0
    for release in _chosen(arguments):
        print(f"{release.id}: licence: {release.licence}")
        try:
            folder, new = fetch(release, models, mirror=arguments.mirror, report=_Bar(release.id))
        except SpinepsError as fault:  # the others are fetched all the same
            failed += 1
            print(f"{release.id}: {fault}", file=sys.stderr)
            continue
        print(f"{release.id}: {'installed' if new else 'was installed already'}: {folder}")
        print(f"  {release.hint.format(models=models, folder=folder)}")
        print(f"  cite: {release.citation}")
    return int(failed > 0)


def _verify(arguments: argparse.Namespace) -> int:
    from spineps_nipype.models.install import installed_folder, verify

    models, failed = _models(arguments), 0
    chosen = _chosen(arguments) or [
        r for r in registry().values() if installed_folder(r, models) is not None
    ]
    if not chosen:
        print(f"no package is installed in {models}")
    for release in chosen:
        try:
            faults = verify(release, models)
        except ModelError as fault:
            faults = [str(fault)]
        failed += bool(faults)
        print(f"{release.id}: {'; '.join(faults) or 'all files are as they came'}")
    return int(failed > 0)


def _import(arguments: argparse.Namespace) -> int:
    from spineps_nipype.models.install import import_files

    models, release = _models(arguments), registry()[arguments.id]
    folder = import_files(release, models, arguments.files)
    print(f"{release.id}: installed: {folder}")
    print(f"  {release.hint.format(models=models, folder=folder)}")
    print(f"  licence: {release.licence}\n  cite: {release.citation}")
    return 0


class _Bar:
    """Progress of a download: a line that changes on a terminal, nothing elsewhere."""

    def __init__(self, name: str) -> None:
        self._name, self._shown = name, -1

    def __call__(self, done: int, total: int | None) -> None:
        step = done // (1 << 20)
        if step == self._shown or not sys.stderr.isatty():
            return
        self._shown = step
        share = f" of {total / 1e6:.0f}" if total else ""
        end = "\n" if done == total else ""
        print(f"\r{self._name}: {done / 1e6:.0f}{share} MB", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
