"""What sidecars say, and what is kept of a scan."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spineps_nipype.core.files import file_digest
from spineps_nipype.results.recipe import SCAN, Phase, Recipe
from spineps_nipype.results.record import Provenance
from spineps_nipype.results.scan_output import ScanOutput
from spineps_nipype.results.sidecar import (
    Description,
    describe,
    generated_by,
    has_record,
    has_sidecar,
    read_record,
    sidecar_of,
    with_sidecars,
)

RECIPE = Recipe(
    "test",
    (
        Phase("raw", ("raw",), (SCAN,), extras={"more": "save_more"}, replaced_by="mask"),
        Phase(
            "final",
            ("mask",),
            (SCAN, "raw"),
            sometimes=("table",),
            extras={"copy": "", "log": "save_log"},
            undescribed=frozenset({"copy", "log"}),
        ),
    ),
    copies={"copy": "mask"},
    corrections={"mask": "corrected mask"},
)


def output(folder: Path, **changes: object) -> ScanOutput:
    files = {name: folder / f"{name}.nii.gz" for name in (SCAN, *RECIPE.results)}
    files["table"] = folder / "table.tsv"
    made = ScanOutput(
        Provenance(RECIPE, {}, {}),
        files,
        kept=RECIPE.results,
        metadata={"Sources": ["bids:raw:scan.nii.gz"], "Device": "cpu"},
        entries={"table": {"column": "what it means"}, "raw": {"Description": "raw"}},
        confidences={"mask": "table"},
        root=folder,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "sidecar", "described"),
    [
        ("a_T2w.nii.gz", "a_T2w.json", True),
        ("a.nii", "a.json", True),
        ("a.b_0000.nii.gz", "a.b_0000.json", True),
        ("a.png", "a.json", True),
        ("a.tsv", "a.json", True),
        ("a.json", "a.json", False),
    ],
)
def test_names_of_sidecars(name: str, sidecar: str, described: bool) -> None:
    assert sidecar_of(Path(name)) == Path(sidecar)
    assert has_sidecar(name) == described
    assert has_record(name)
    assert not has_record("folder")
    pair = [Path(name), Path(sidecar)] if described else [Path(name)]
    assert with_sidecars([Path(name)]) == pair


def test_products_are_what_is_made_asked_for_and_kept(tmp_path: Path) -> None:
    raw, final = RECIPE["raw"], RECIPE["final"]
    plain = output(tmp_path)
    assert plain.products(raw) == ("raw",)
    assert plain.products(final) == ("table", "mask", "copy")
    assert plain.described(final) == ("table", "mask")
    asked = output(tmp_path, asked={"save_more", "save_log"})
    assert asked.products(raw) == ("raw", "more")
    assert asked.products(final) == ("table", "mask", "copy", "log")
    less = output(tmp_path, kept={"mask"})
    assert less.products(raw) == ()
    assert less.products(final) == ("mask",)
    corrected = Provenance(RECIPE, {}, {}, {"mask": "f" * 64})
    given = output(tmp_path, asked={"save_more"}, provenance=corrected)
    assert given.products(raw) == ("raw",), "a network that does not run has no further results"


def test_a_copy_in_the_same_place_is_no_copy(tmp_path: Path) -> None:
    plain = output(tmp_path)
    files = {**plain.files, "copy": plain.files["mask"]}
    assert output(tmp_path, files=files).products(RECIPE["final"]) == ("table", "mask")


def test_sources_are_the_scan_and_what_is_kept(tmp_path: Path) -> None:
    final = RECIPE["final"]
    said = output(tmp_path).description(final)
    assert said.metadata["Sources"] == ["bids:raw:scan.nii.gz", "bids::raw.nii.gz"]
    assert said.metadata["Device"] == "cpu"
    assert said.entries == {"table": {"column": "what it means"}}
    assert said.confidences == {"mask": "table"}
    without = output(tmp_path, kept={"mask"}).description(final)
    assert without.metadata["Sources"] == ["bids:raw:scan.nii.gz"]
    assert without.confidences == {}
    assert output(tmp_path, root=None).description(final).metadata["Sources"] == [
        "bids:raw:scan.nii.gz"
    ]


def test_a_plain_description_is_the_same_description() -> None:
    said = Description({"a": 1}, {"b": [2]}, {"mask": {"c": 3}}, {"mask": "table"})
    assert Description(**said.plain()) == said
    assert json.dumps(said.plain())


def test_sidecars_hold_digests_entries_and_confidences(tmp_path: Path) -> None:
    mask, table, scan = (tmp_path / name for name in ("m.nii.gz", "t.tsv", "s.nii.gz"))
    mask.write_text("mask")
    scan.write_text("scan")
    table.write_text("name\tconfidence\tsource\nL1\t0.5\tnetwork\nL2\tn/a\tcount\n\tn/a\tn/a\n")
    said = Description(
        {"Phase": "final"},
        {"Device": "cpu"},
        {"table": {"name": "of a vertebra"}},
        {"mask": "table"},
    )
    folder = tmp_path / "node"
    files = describe({"mask": mask, "table": table}, said, inputs={SCAN: scan}, folder=folder)
    assert files == [mask, folder / "mask.json", table, folder / "table.json"]
    first, second = (json.loads(path.read_text()) for path in files[1::2])
    assert first == {
        "Device": "cpu",
        "LabelConfidence": {
            "L1": {"Confidence": 0.5, "From": "network"},
            "L2": {"Confidence": None, "From": "count"},
        },
        "Provenance": {
            "Phase": "final",
            "Inputs": {SCAN: file_digest(scan)},
            "Sha256": file_digest(mask),
        },
    }
    assert second["name"] == "of a vertebra"
    assert "LabelConfidence" not in second
    assert read_record(folder / "mask.nii.gz") == first["Provenance"]


def test_what_made_the_results() -> None:
    assert "Description" not in generated_by()["GeneratedBy"][0]
    assert generated_by("sc-epi")["GeneratedBy"][0]["Description"] == "sc-epi"
