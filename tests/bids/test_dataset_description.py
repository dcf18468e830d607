from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spineps_nipype import __version__
from spineps_nipype.bids.dataset_description import (
    dataset_description,
    describe_dataset,
    label_tables,
)
from spineps_nipype.core.labels import system_labels
from spineps_nipype.core.nomenclature import Column


def read(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "dataset_description.json").read_text())
    return content


def test_description_is_that_of_a_derivative(tmp_path: Path) -> None:
    describe_dataset(tmp_path / "out", tmp_path / "bids")
    content = read(tmp_path / "out")
    assert content["DatasetType"] == "derivative"
    assert content["GeneratedBy"] == [{"Name": "spineps_nipype", "Version": __version__}]
    assert content["DatasetLinks"] == {"raw": (tmp_path / "bids").as_uri()}


def test_source_doi_and_container_are_named(tmp_path: Path) -> None:
    (tmp_path / "dataset_description.json").write_text('{"DatasetDOI": "10.1/x"}')
    content = dataset_description(tmp_path, environment={"SPINEPS_WF_DOCKER_TAG": "x:1"})
    assert content["SourceDatasets"] == [{"URL": tmp_path.as_uri(), "DOI": "10.1/x"}]
    assert content["GeneratedBy"][0]["Container"] == {"Type": "docker", "Tag": "x:1"}


def test_apptainer_names_its_file(tmp_path: Path) -> None:
    """It reads an image of docker, whose variables are there too."""
    said = {"SPINEPS_WF_DOCKER_TAG": "x:1", "APPTAINER_CONTAINER": "/images/spine.sif"}
    container = dataset_description(tmp_path, environment=said)["GeneratedBy"][0]["Container"]
    assert container == {"Type": "singularity", "URI": "file:///images/spine.sif"}


def test_every_dataset_that_results_name_is_linked(tmp_path: Path) -> None:
    """Also those of earlier runs, whose results are still there, and of other programs."""
    other = {"GeneratedBy": [{"Name": "other"}], "DatasetLinks": {"theirs": "file:///t"}}
    (tmp_path / "dataset_description.json").write_text(json.dumps(other))
    describe_dataset(tmp_path, tmp_path / "bids", [("mine", tmp_path / "m")])
    describe_dataset(tmp_path, tmp_path / "bids", [("more", tmp_path / "n")])
    links = {"raw": tmp_path / "bids", "mine": tmp_path / "m", "more": tmp_path / "n"}
    uris = {name: path.as_uri() for name, path in links.items()}
    assert read(tmp_path)["DatasetLinks"] == {"theirs": "file:///t", **uris}


def test_what_others_wrote_stays(tmp_path: Path) -> None:
    old = {"Name": "mine", "BIDSVersion": "1.8.0", "GeneratedBy": [{"Name": "other"}], "More": 1}
    (tmp_path / "dataset_description.json").write_text(json.dumps(old))
    describe_dataset(tmp_path, tmp_path / "bids")
    content = read(tmp_path)
    assert content["Name"] == "mine"
    assert content["More"] == 1
    generators = content["GeneratedBy"]
    assert isinstance(generators, list)
    assert [g["Name"] for g in generators] == ["other", "spineps_nipype"]


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    describe_dataset(tmp_path, tmp_path / "bids")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.glob("*.*")}
    describe_dataset(tmp_path, tmp_path / "bids")
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.glob("*.*")} == before


def test_many_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: describe_dataset(tmp_path, tmp_path / "bids"), range(16)))
    assert read(tmp_path)["DatasetType"] == "derivative"


@pytest.mark.parametrize(
    ("table", "number", "name"),
    [
        ("seg-spine_dseg.tsv", 49, "Vertebra_Corpus_border"),
        ("seg-spine_dseg.tsv", 100, "Vertebra_Disc"),
        ("seg-spine_dseg.tsv", 26, "Sacrum"),
        ("seg-vert_dseg.tsv", 20, "L1"),
        ("seg-vert_dseg.tsv", 28, "T13"),
        ("seg-vert_dseg.tsv", 124, "Disc_L5"),
        ("seg-vert_dseg.tsv", 224, "Endplate_L5"),
    ],
)
def test_label_tables(tmp_path: Path, table: str, number: int, name: str) -> None:
    describe_dataset(tmp_path, tmp_path / "bids")
    lines = (tmp_path / table).read_text().splitlines()
    assert lines[0] == "index\tname\tabbreviation\tcolor\tmapping"
    assert sum(line.startswith(f"{number}\t{name}\t") for line in lines) == 1
    numbers = [line.split("\t")[0] for line in lines[1:]]
    assert len(set(numbers)) == len(numbers)
    assert set(label_tables()) == {"seg-spine_dseg.tsv", "seg-vert_dseg.tsv"}


def test_files_of_other_programs_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".bidsignore").write_bytes(b"theirs\xff/\n*.html")
    (out / "seg-vert_dseg.tsv").write_text("index\tname\n1\ttheirs\n")
    describe_dataset(out, tmp_path)
    describe_dataset(out, tmp_path)
    lines = (out / ".bidsignore").read_bytes().split(b"\n")
    assert lines[:2] == [b"theirs\xff/", b"*.html"]
    assert lines.count(b"*.html") == 1
    assert b"logs" in lines
    assert (out / "seg-vert_dseg.tsv").read_text() == "index\tname\n1\ttheirs\n"
    assert (out / "seg-spine_dseg.tsv").read_text().startswith("index\tname\tabbreviation")


def test_our_own_tables_are_replaced_unless_somebody_changed_them(tmp_path: Path) -> None:
    out, table = tmp_path / "out", tmp_path / "out" / "t_dseg.tsv"

    def describe(system: Column) -> str:
        describe_dataset(out, tmp_path, tables={"t_dseg.tsv": system_labels(system)})
        return table.read_text()

    old, new = describe("spine_segmentation"), describe("totalspineseg")
    assert old != new
    table.write_text("index\tname\n1\tmine\n")
    assert describe("spine_segmentation") == "index\tname\n1\tmine\n"
    table.write_text("")
    assert describe("spine_segmentation") == old


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 200_000])
def test_a_damaged_description_is_kept_beside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dataset_description.json"
    path.write_text(text)
    describe_dataset(tmp_path, tmp_path / "bids")
    assert read(tmp_path)["DatasetType"] == "derivative"
    assert path.with_name(f"{path.name}.replaced").read_text() == text


def test_lookup_tables_lie_beside_the_label_tables(tmp_path: Path) -> None:
    """The validator is told to leave them alone; a system has those of its own masks."""
    describe_dataset(tmp_path, tmp_path / "bids")
    viewers = ("itksnap.txt", "slicer.ctbl", "freesurfer.txt")
    for name in ("spine", "vert"):
        assert all((tmp_path / f"seg-{name}_{viewer}").is_file() for viewer in viewers)
    ignored = (tmp_path / ".bidsignore").read_text().splitlines()
    assert {f"*_{viewer}" for viewer in viewers} <= set(ignored)
    tables = {"step2_output_dseg.tsv": system_labels("totalspineseg")}
    describe_dataset(tmp_path / "tss", tmp_path / "bids", system="totalspineseg", tables=tables)
    assert "43 vertebra_L3 " in (tmp_path / "tss/step2_output_slicer.ctbl").read_text()
    assert not list((tmp_path / "tss").glob("seg-*"))
