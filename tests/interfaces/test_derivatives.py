"""Sidecars, and storing what has changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from nipype.pipeline import engine as pe

from spineps_nipype.core.files import file_digest
from spineps_nipype.errors import OutputError
from spineps_nipype.interfaces import PrepareDerivatives, SaveDerivatives
from spineps_nipype.results.sidecar import Description

RECORD = {"Phase": "final", "Settings": {"numerics": "corrected"}}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A scan and three results; the working folder is that of a node."""
    texts = {
        "scan": ("scan.nii.gz", "image"),
        "spine": ("spine.nii.gz", "mask"),
        "table": ("labels.tsv", "label\n"),
        "poi": ("poi.json", json.dumps([{"format": "POI"}, {"20": {"50": [1.0, 2.5, 3]}}])),
    }
    paths = {}
    for name, (file, text) in texts.items():
        paths[name] = tmp_path / file
        paths[name].write_text(text)
    node = tmp_path / "node"
    node.mkdir()
    monkeypatch.chdir(node)
    return paths


def prepare(files: dict[str, Path]) -> list[Path]:
    interface = PrepareDerivatives(
        products=["spine", "table", "poi"],
        sources=["scan"],
        description=Description(RECORD, {"Sources": ["bids:raw:scan"]}).plain(),
    )
    interface.inputs.trait_set(
        spine=str(files["spine"]),
        table=str(files["table"]),
        poi=str(files["poi"]),
        source_scan=str(files["scan"]),
    )
    return [Path(p) for p in interface.run().outputs.out_files]


def test_each_image_is_followed_by_its_sidecar(files: dict[str, Path]) -> None:
    spine, sidecar, table, explanation, poi = prepare(files)
    assert json.loads(explanation.read_text())["Provenance"]["Sha256"] == file_digest(table)
    assert (spine, table) == (files["spine"], files["table"])
    assert json.loads(sidecar.read_text()) == {
        "Sources": ["bids:raw:scan"],
        "Provenance": {
            **RECORD,
            "Inputs": {"scan": file_digest(files["scan"])},
            "Sha256": file_digest(files["spine"]),
        },
    }
    header, points = json.loads(poi.read_text())
    assert points == {"20": {"50": [1.0, 2.5, 3]}}
    assert list(header) == ["format", "Provenance"]
    assert header["Provenance"]["Inputs"] == {"scan": file_digest(files["scan"])}


def test_nothing_is_written_beside_the_sources(files: dict[str, Path], tmp_path: Path) -> None:
    before = sorted(p.name for p in tmp_path.iterdir())
    prepare(files)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_same_inputs_give_the_same_bytes(files: dict[str, Path]) -> None:
    first = [p.read_bytes() for p in prepare(files)]
    assert [p.read_bytes() for p in prepare(files)] == first


def save(**inputs: Any) -> None:
    SaveDerivatives(**inputs).run()


def test_files_go_to_their_places(files: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "out" / "sub-x" / "a.nii.gz"
    save(in_files=[str(files["spine"])], out_paths=[str(target)])
    assert target.read_text() == "mask"


def test_files_go_into_a_folder_under_their_names(files: dict[str, Path], tmp_path: Path) -> None:
    save(
        in_files=[str(files["spine"]), str(files["scan"])],
        out_dir=str(tmp_path / "debug_T2w"),
        name_suffix="_T2w",
    )
    names = sorted(p.name for p in (tmp_path / "debug_T2w").iterdir())
    assert names == ["scan_T2w.nii.gz", "spine_T2w.nii.gz"]


def test_a_deleted_output_is_stored_again_and_a_whole_one_left_alone(
    files: dict[str, Path], tmp_path: Path
) -> None:
    targets = [tmp_path / "out" / "a.nii.gz", tmp_path / "out" / "b.nii.gz"]
    node = pe.Node(SaveDerivatives(), name="save", base_dir=str(tmp_path / "work"))
    node.inputs.in_files = [str(files["spine"]), str(files["scan"])]
    node.inputs.out_paths = [str(t) for t in targets]
    node.run()
    os.utime(targets[0], ns=(1, 1))
    targets[1].unlink()
    node.run()
    assert targets[0].stat().st_mtime_ns == 1
    assert targets[1].read_text() == "image"


def test_a_folder_that_cannot_be_made_is_reported(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="run again"):
        save(in_files=[str(files["spine"])], out_paths=[str(files["scan"] / "a.nii.gz")])
