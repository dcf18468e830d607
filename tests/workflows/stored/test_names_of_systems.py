"""What pages and tables say of the names of systems that store no checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.workflows.stored.scans import StoredScan
from spineps_nipype.workflows.stored.subject_pages import NAME_REMEDIES, checks_of

COLUMNS = "number\tlabel\tname\tconfidence\tsequences\n"
SEQUENCES = "T12 to L5 (0.60); L1 to L6 (0.25)"


def stored(folder: Path, system: str, table: str) -> StoredScan:
    path = folder / "sub-a_T2w_labels.tsv"
    path.write_text(COLUMNS + table)
    scan = folder / "sub-a_T2w.nii.gz"
    return StoredScan(system, folder, scan, scan.name, {"labels": path})


@pytest.mark.parametrize("system", sorted(NAME_REMEDIES))
def test_uncertain_names_are_a_finding_with_the_next_likely_ones(
    system: str, tmp_path: Path
) -> None:
    rows = f"1\t32\tT12\t0.6\t{SEQUENCES}\n2\t41\tL1\t0.9\t{SEQUENCES}\n"
    overall, names = checks_of(stored(tmp_path, system, rows), tmp_path)
    assert (overall["check"], overall["verdict"]) == ("overall", "look")
    assert (names["check"], names["verdict"], names["level"]) == ("names", "look", None)
    assert SEQUENCES in names["reason"]
    assert names["remedy"] == NAME_REMEDIES[system]
    assert "--manual-labels" not in names["remedy"]  # only SPINEPS takes them


def test_certain_names_pass(tmp_path: Path) -> None:
    overall, names = checks_of(
        stored(tmp_path, "totalspineseg", f"1\t32\tT12\t0.95\t{SEQUENCES}\n"), tmp_path
    )
    assert (overall["verdict"], names["verdict"], names["remedy"]) == ("pass", "pass", "")


def test_names_without_probabilities_say_nothing(tmp_path: Path) -> None:
    assert checks_of(stored(tmp_path, "totalspineseg", "1\t32\tT12\tn/a\tn/a\n"), tmp_path) == []


def test_a_damaged_table_is_damage(tmp_path: Path) -> None:
    scan = stored(tmp_path, "spine-segmentation", "1\t32\tT12\tvery\tn/a\n")
    assert "sub-a_T2w_labels.tsv" in scan.damage
    assert checks_of(scan, tmp_path) == []
