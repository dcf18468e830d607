"""Files at the root of the output folder that make it a BIDS derivative dataset."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from spineps_nipype import __version__
from spineps_nipype.core.files import read_json, set_aside, whole_file, write_text
from spineps_nipype.core.labels import Label, spine_labels, vertebra_labels
from spineps_nipype.core.lookup_tables import table_files
from spineps_nipype.core.own_files import own_files

from .sidecars import RAW_LINK

PIPELINE: Final = "spineps_nipype"
BIDS_VERSION: Final = "1.9.0"
CONTAINER_VARIABLES: Final = (
    ("SPINEPS_WF_DOCKER_TAG", "docker", "Tag"),
    ("SINGULARITY_CONTAINER", "singularity", "URI"),
    ("APPTAINER_CONTAINER", "singularity", "URI"),
    ("SPINEPS_WF_SINGULARITY_URL", "singularity", "URI"),
)
"""Environment variables that tell of a container, with its type and the field they fill.

Later ones take precedence: a docker image that apptainer runs still sets the variable of docker.
"""
SPINEPS: Final = "spineps"
SOURCES: Final[Mapping[str, str]] = {
    SPINEPS: "Möller et al., SPINEPS, European Radiology 2024, doi:10.1007/s00330-024-11155-y",
    "totalspineseg": "TotalSpineSeg, github.com/neuropoly/totalspineseg",
    "sc-epi": "EPISeg, github.com/sct-pipeline/fmri-segmentation; Spinal Cord Toolbox",
    "spine-segmentation": "spine-segmentation, github.com/LiquidFun/Spine",
    "consensus": "spineps-nipype",
}
"""What the results of each system acknowledge."""
IGNORED: Final = (
    "logs",
    "work",
    "snaps_seg",
    "figures",
    "assets",
    "ratings",
    "*.html",
    "group_*",
    "**/output_raw_*",
    "**/debug_*",
    "*_mod-*",
    "*_poi.json",
    "*.mrk.json",
    "*_surfaces.*",
    "**/*_stl",
    "**/*_gifti",
    "*_labels.*",
    "*_metrics.*",
    "*_checks.*",
    "*_evidence.*",
    "*_uncertainty.*",
    "*_logits.*",
    "*_rating.json",
    "*.replaced*",
    "*_itksnap.txt",
    "*_slicer.ctbl",
    "*_freesurfer.txt",
)
"""Results of SPINEPS, names of its own among them, that BIDS has no name for."""
EVERYTHING: Final = ("*",)
"""Names of the other systems, which BIDS does not know."""


def describe_dataset(
    out_root: str | Path,
    bids_root: str | Path,
    links: Iterable[tuple[str, Path]] = (),
    *,
    system: str = SPINEPS,
    tables: Mapping[str, Sequence[Label]] | None = None,
) -> None:
    """Write `dataset_description.json`, the label tables and `.bidsignore`, each whole.

    Lookup tables for ITK-SNAP, 3D Slicer and FreeSurfer lie beside the label tables.

    Several runs may do so at the same time. Entries and lines of other programs are kept; a table
    that another program wrote, or somebody changed, stays as it is.

    Parameters
    ----------
    out_root, bids_root
        Folder of the results of one system, and the dataset that they are made from.
    links
        Names and folders of further datasets that BIDS URIs of the results name.
    system
        Name of the system.
    tables
        Labels by the file name of their table; those of SPINEPS unless given.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    out_root, bids_root = Path(out_root), Path(bids_root)
    with own_files(out_root) as own:
        path = out_root / "dataset_description.json"
        described = dataset_description(bids_root, links, system=system)
        old = read_json(path)
        if path.is_file() and not old:
            set_aside(path)
        _write(path, json.dumps(merge_description(old, described), indent=2) + "\n")
        for name, labels in (label_tables() if tables is None else tables).items():
            for file, text in table_files(name, labels).items():
                own.write(out_root / file, text)
        _join(out_root / ".bidsignore", IGNORED if system == SPINEPS else EVERYTHING)


def dataset_description(
    bids_root: Path,
    links: Iterable[tuple[str, Path]] = (),
    environment: Mapping[str, str] | None = None,
    *,
    system: str = SPINEPS,
) -> dict[str, Any]:
    """Description of results that this version made from the dataset `bids_root`."""
    linked = {RAW_LINK: bids_root, **dict(links)}
    environment = os.environ if environment is None else environment
    generator: dict[str, Any] = {"Name": PIPELINE, "Version": __version__}
    for variable, kind, key in CONTAINER_VARIABLES:
        value = environment.get(variable)
        if value:
            shown = Path(value).as_uri() if value.startswith("/") else value
            generator["Container"] = {"Type": kind, key: shown}
    which = "" if system == SPINEPS else f" ({system})"
    description: dict[str, Any] = {
        "Name": f"Segmentations of the spine{which}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generator],
        "DatasetLinks": {name: path.absolute().as_uri() for name, path in linked.items()},
        "HowToAcknowledge": SOURCES[system],
    }
    source = read_json(bids_root / "dataset_description.json")
    origin = {"URL": bids_root.absolute().as_uri()}
    if source.get("DatasetDOI"):
        origin["DOI"] = source["DatasetDOI"]
    description["SourceDatasets"] = [origin]
    if source.get("License"):
        description["License"] = source["License"]
    return description


def merge_description(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two descriptions: generators and entries of other programs stay, and all links.

    >>> old = {"Name": "mine", "GeneratedBy": [{"Name": "other"}]}
    >>> merge_description(old, {"Name": "x", "GeneratedBy": [{"Name": "spineps_nipype"}]})
    {'Name': 'mine', 'GeneratedBy': [{'Name': 'other'}, {'Name': 'spineps_nipype'}]}
    """
    stated = old.get("GeneratedBy")
    generators = stated if isinstance(stated, list) else []
    kept = [g for g in generators if isinstance(g, dict) and g.get("Name") != PIPELINE]
    merged = {**new, **old} if kept else {**old, **new}
    merged["GeneratedBy"] = [*kept, *new["GeneratedBy"]]
    links = {**_mapping(old.get("DatasetLinks")), **_mapping(new.get("DatasetLinks"))}
    return {**merged, "DatasetLinks": links} if links else merged


def _mapping(value: Any) -> Mapping[str, Any]:
    """The value, or an empty mapping in place of anything else."""
    return value if isinstance(value, dict) else {}


def label_tables() -> dict[str, list[Label]]:
    """Labels of both masks of SPINEPS, by the name of their table."""
    return {
        "seg-spine_dseg.tsv": spine_labels(),
        "seg-vert_dseg.tsv": vertebra_labels(),
    }


def _join(path: Path, lines: Sequence[str]) -> None:
    """Add lines to a text file as far as it has not got them; those of others stay."""
    there = path.read_bytes().decode(errors="surrogateescape") if path.is_file() else ""
    known = {line.strip() for line in there.splitlines()}
    new = [line for line in lines if line not in known]
    if new:
        start = there if not there or there.endswith("\n") else f"{there}\n"
        text = start + "\n".join(new) + "\n"
        with whole_file(path) as temporary:
            temporary.write_bytes(text.encode(errors="surrogateescape"))


def _write(path: Path, text: str) -> None:
    """Write a text file whole, unless its content is the same already."""
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)
