"""A dataset of one coded scan, and tiny models."""

from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.dropin import SegmentationModel, get_actual_model

from ..tiny_packages import KINDS, write_packages, write_scan

Models = tuple[SegmentationModel, SegmentationModel, SegmentationModel]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_packages(folder)
    return folder


@pytest.fixture(scope="session")
def models(packages: Path) -> Models:
    """Semantic, instance and labelling model."""
    first, second, third = (
        get_actual_model(packages / f"tiny_{kind}", use_cpu=True) for kind in KINDS
    )
    return first, second, third


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Dataset with ``rawdata/sub-x/ses-01/sub-x_ses-01_acq-sag_T2w.nii.gz``."""
    write_scan(tmp_path / "rawdata/sub-x/ses-01/sub-x_ses-01_acq-sag_T2w.nii.gz")
    return tmp_path
