from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.bids.bids_layout import ENTITIES, bids_paths


def put(root: Path, name: str) -> Path:
    path = root / "bids" / "sub-x" / "ses-1" / "anat" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def paths_of(root: Path, name: str) -> dict[str, str]:
    found = bids_paths(put(root, name), root / "bids", root / "out")
    return {key: path.relative_to(root / "out").as_posix() for key, path in found.items()}


def test_names(tmp_path: Path) -> None:
    paths = paths_of(tmp_path, "sub-x_ses-1_acq-sag_run-2_T2w.nii.gz")
    stem = "sub-x/ses-1/anat/sub-x_ses-1_acq-sag_run-2_seg"
    assert paths["out_spine"] == f"{stem}-spine_dseg.nii.gz"
    assert paths["out_vert"] == f"{stem}-vert_dseg.nii.gz"
    assert paths["out_spine_raw"] == f"{stem}-spine_desc-raw_dseg.nii.gz"
    assert paths["out_probseg"] == f"{stem}-spine_probseg.nii.gz"
    assert paths["out_ctd"] == f"{stem}-spine_poi.json"
    assert paths["out_metrics"] == f"{stem}-spine_metrics.tsv"
    figure = "sub-x/figures/sub-x_ses-1_acq-sag_run-2_seg-spine_snapshot.png"
    assert paths["out_snap"] == figure


def test_scans_of_one_acquisition_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path, "sub-x_ses-1_T1w.nii.gz")
    t2w = paths_of(tmp_path, "sub-x_ses-1_T2w.nii.gz")
    t1w = paths_of(tmp_path, "sub-x_ses-1_T1w.nii.gz")
    assert t2w["out_spine"].endswith("sub-x_ses-1_seg-spine_desc-T2w_dseg.nii.gz")
    assert t2w["out_vert_raw"].endswith("sub-x_ses-1_seg-vert_desc-rawT2w_dseg.nii.gz")
    files = [key for key in t2w if key != "out_raw"]
    assert not {t1w[key] for key in files} & {t2w[key] for key in files}


def test_other_acquisitions_are_no_collision(tmp_path: Path) -> None:
    put(tmp_path, "sub-x_ses-1_acq-ax_T1w.nii.gz")
    assert "desc" not in paths_of(tmp_path, "sub-x_ses-1_T2w.nii.gz")["out_spine"]


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("sub-x_ses-1_mt-on_T2w.nii.gz", "sub-x_ses-1_acq-mtOn_seg-vert_dseg.nii.gz"),
        ("sub-x_ses-1_acq-sag_sequ-3_T2w.nii.gz", "_acq-sagsequ3_seg-vert_dseg.nii.gz"),
        ("my scan.nii.gz", "sub-myscan_seg-vert_dseg.nii.gz"),
    ],
)
def test_what_bids_has_no_place_for_is_kept(tmp_path: Path, name: str, end: str) -> None:
    assert paths_of(tmp_path, name)["out_vert"].endswith(end)


def test_entities_are_those_of_the_schema_in_its_order() -> None:
    schema = pytest.importorskip("bidsschematools.schema").load_schema()
    rule = schema.rules.files.deriv.imaging.anat_discrete_segmentation.entities
    names = {e: schema.objects.entities[e].name for e in schema.rules.entities}
    order = [name for entity, name in names.items() if entity in rule]
    assert [name for name in order if name in ENTITIES] == list(ENTITIES)
    assert set(order) - set(ENTITIES) <= {"atlas", "scale"}
