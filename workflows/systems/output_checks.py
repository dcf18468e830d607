"""What would go wrong when the results of a scan are written, found before anything runs."""

from __future__ import annotations

from pathlib import Path

from spineps_nipype.core.safe_names import check_lengths
from spineps_nipype.errors import OutputError
from spineps_nipype.results.plan import ScanPlan
from spineps_nipype.results.proof import is_foreign
from spineps_nipype.results.recipe import Recipe
from spineps_nipype.results.scan_output import ScanOutput
from spineps_nipype.results.sidecar import has_sidecar, sidecar_of, with_sidecars

from ..options.run_options import WORKFLOW_NAME, Folders
from ..stored.pictures import picture_paths
from .scan_jobs import NamedScan


def check_names(named: NamedScan, recipe: Recipe, folders: Folders) -> None:
    """Refuse a scan whose results would have names that the file system cannot hold.

    Raises
    ------
    InputError
        If a file of the scan would have too long a name.
    """
    results = [named.files[name] for name in recipe.results if name in named.files]
    paths = dict.fromkeys(results, "results")
    paths |= {sidecar_of(path): "sidecars" for path in results if has_sidecar(path)}
    pictures = picture_paths(folders.output_dir, named.scan.path)
    paths |= dict.fromkeys((pictures.mosaic, pictures.volumes, pictures.thumbnail), "pictures")
    paths[folders.work_folder / WORKFLOW_NAME / named.name] = "folder in the work folder"
    check_lengths(paths, named.scan.path)


def check_foreign(plan: ScanPlan, output: ScanOutput) -> None:
    """Refuse a scan whose results would take the place of files that other programs wrote.

    Raises
    ------
    OutputError
        If there is such a file.
    """
    recipe = output.provenance.recipe
    running = [recipe[name] for name in plan.running]
    described = (output.files[name] for phase in running for name in output.described(phase))
    plain = (output.files[name] for phase in running for name in output.products(phase))
    copies = (target for _, target in plan.copies)
    for path in dict.fromkeys([*with_sidecars(described), *plain, *copies]):
        if is_foreign(path):
            raise OutputError(
                "A file that this program did not write has the name of a result.",
                file=path,
                remedy=_remedy(path),
            )


def _remedy(path: Path) -> str:
    return (
        f"Move {path.name} away, or choose another output folder; if it is a correction, name "
        "its folder with -d/--derivatives."
    )
