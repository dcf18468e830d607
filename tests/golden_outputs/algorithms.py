"""What the phases of every recipe make of a small scan, by the number of their algorithm.

A stored result counts as made the same way as long as that number is the same. So when a phase
makes other results, its number has to be raised: until then the test says which one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nibabel as nib

from spineps_nipype.bids.names import output_paths
from spineps_nipype.core.images import background_value, load_image
from spineps_nipype.results.comparison_recipe import RECIPE as COMPARISON
from spineps_nipype.results.recipe import Phase, Recipe
from spineps_nipype.sc_epi import recipe as sc_epi
from spineps_nipype.spine_segmentation import recipe as spine_segmentation
from spineps_nipype.spine_segmentation.settings import SpineSegmentationSettings
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.recipe import RECIPE as SPINEPS
from spineps_nipype.spineps.recipe import result_files
from spineps_nipype.spineps.settings import PreprocessSettings
from spineps_nipype.totalspineseg import recipe as totalspineseg
from spineps_nipype.totalspineseg.folders import result_paths
from spineps_nipype.totalspineseg.settings import TotalSpineSegSettings

from . import epi_cases, slices_cases, spineps_cases, tss_cases
from .lab import Lab
from .record import Record
from .summaries import Summary, image_summary
from .table import FOLDER, same

TABLE: Final = FOLDER / "algorithms.json"
BIDS, OUT = Path("/bids"), Path("/out")
PASSING: Final = ("Provenance", "version", "models", "model_path")
"""Parts of the keys of a JSON result that tell how it was made, not what it says."""
Made = dict[str, Summary]
"""Summaries of the results of a phase, by the name of the result."""


@dataclass(frozen=True)
class Numbered:
    """A system whose phases have numbers.

    Parameters
    ----------
    recipe
        Its phases, and the module that says their numbers.
    module
        That module.
    files
        Path of each result below the output folder.
    further
        What else the results of a phase depend on, by phase.
    """

    recipe: Recipe
    module: str
    files: Mapping[str, str]
    further: Mapping[str, Callable[[Lab], Made]]


def _bias(lab: Lab) -> Made:
    """The image before the network with its bias corrected, which the cases leave out."""
    scan = lab.bids / spineps_cases.SCAN
    prepared = preprocess_input(
        load_image(scan), PreprocessSettings(), is_ct=False, background=background_value(scan)
    )
    image = nib.Nifti1Image(prepared.get_array().astype("f4"), prepared.affine)
    return {"without bias": image_summary(image, coarse=True)}


def _below(files: Mapping[str, Path]) -> dict[str, str]:
    return {n: p.relative_to(OUT).as_posix() for n, p in files.items() if p.is_relative_to(OUT)}


def _spineps_files() -> dict[str, str]:
    scan = BIDS / spineps_cases.SCAN
    return _below(result_files(output_paths(scan, BIDS, OUT), scan))


SYSTEMS: Final = {
    "spineps": Numbered(SPINEPS, "spineps/recipe.py", _spineps_files(), {"semantic": _bias}),
    "totalspineseg": Numbered(
        totalspineseg.recipe(TotalSpineSegSettings()),
        "totalspineseg/recipe.py",
        _below(result_paths(OUT / tss_cases.HOME, "sub-a_T2w")),
        {},
    ),
    "sc-epi": Numbered(
        sc_epi.recipe(["_seg"]),
        "sc_epi/recipe.py",
        {"mask_seg": f"{epi_cases.MASK}.nii.gz"},
        {},
    ),
    "spine-segmentation": Numbered(
        spine_segmentation.recipe(SpineSegmentationSettings()),
        "spine_segmentation/recipe.py",
        {
            "semantic": slices_cases.STORED["semantic"],
            "instances": slices_cases.STORED["instance"],
            "names": slices_cases.STORED["names"],
            "vertebrae": slices_cases.STORED["vertebrae"],
        },
        {},
    ),
    "comparison": Numbered(
        COMPARISON,
        "results/comparison_recipe.py",
        {
            "summary": f"{slices_cases.CONSENSUS}_consensus.json",
            "structures": f"{slices_cases.CONSENSUS}_overlap.tsv",
            "names": f"{slices_cases.CONSENSUS}_names.tsv",
        },
        {},
    ),
}


def made_by(system: str, record: Record, lab: Lab) -> dict[str, Made]:
    """What the phases of a system made in a first run."""
    numbered = SYSTEMS[system]
    found: dict[str, Made] = {}
    for phase in numbered.recipe.phases:
        names = [n for n in (*phase.makes, *phase.sometimes) if n in numbered.files]
        files = {name: numbered.files[name] for name in names}
        made = {n: _content(record.files[f]) for n, f in files.items() if f in record.files}
        further = numbered.further.get(phase.name)
        found[phase.name] = {**made, **(further(lab) if further else {})}
    return found


def _content(summary: Summary) -> Summary:
    return {k: v for k, v in summary.items() if not any(word in k for word in PASSING)}


def stored() -> dict[str, dict[str, dict[str, Made]]]:
    """Results by system, phase and number."""
    return json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.is_file() else {}


def add(system: str, made: Mapping[str, Made]) -> Path:
    """Write down what phases make whose number is new; what is known of a number stays."""
    table = stored()
    known = table.setdefault(system, {})
    for phase in SYSTEMS[system].recipe.phases:
        known.setdefault(phase.name, {}).setdefault(str(phase.algorithm), made[phase.name])
    text = json.dumps(table, indent=1, ensure_ascii=False)
    TABLE.write_text(text + "\n", encoding="utf-8")
    return TABLE


def unnumbered(system: str, made: Mapping[str, Made]) -> Iterator[str]:
    """Results that changed although the number of their phase did not, one line each."""
    known = stored().get(system, {})
    for phase in SYSTEMS[system].recipe.phases:
        before = known.get(phase.name, {}).get(str(phase.algorithm))
        if before is None:
            yield (
                f"{phase.name}: nothing is known of number {phase.algorithm}; "
                "run python -m tests.golden_outputs.make"
            )
            continue
        changed = list(_changes(before, made[phase.name]))
        if changed:
            yield _request(SYSTEMS[system].module, phase)
            yield from changed


def _request(module: str, phase: Phase) -> str:
    return (
        f"The phase {phase.name} makes other results than before: raise its `algorithm` in "
        f"spineps_nipype/{module} to {phase.algorithm + 1}, so that stored results are made "
        "again, and run python -m tests.golden_outputs.make."
    )


def _changes(before: Made, now: Made) -> Iterator[str]:
    for result in sorted({*before, *now}):
        was, found = before.get(result, {}), now.get(result, {})
        for line in sorted({*was, *found}):
            pair = was.get(line, "absent"), found.get(line, "absent")
            if not same(*pair):
                yield f"    {result}: {line}: was {pair[0]}, is {pair[1]}"
