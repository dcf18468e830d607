"""A picture that cannot be drawn says so, and costs the scan nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spineps_nipype.core.images import save_nii
from spineps_nipype.core.pictures import draw_or_say
from spineps_nipype.core.volume import make_volume
from spineps_nipype.errors import InputError
from spineps_nipype.interfaces import EPISegQC, Snapshot, TSSPreview
from spineps_nipype.interfaces.spineps import results
from spineps_nipype.interfaces.totalspineseg import previews
from spineps_nipype.sc_epi import qc_mosaic


def fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError("no grey values")


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_words_stand_for_a_picture(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = draw_or_say(fails, tmp_path / name)
    with Image.open(path) as picture:
        assert np.asarray(picture.convert("L")).min() < 128  # there is writing on it
    assert f"{name} could not be drawn" in caplog.text
    first = path.read_bytes()
    assert draw_or_say(fails, path).read_bytes() == first


@pytest.mark.parametrize("fault", [InputError("x"), OSError("disk full"), MemoryError()])
def test_faults_with_words_for_the_user_are_passed_on(tmp_path: Path, fault: Exception) -> None:
    def draw(_: Path) -> None:
        raise fault

    with pytest.raises(type(fault)):
        draw_or_say(draw, tmp_path / "a.png")


def test_no_node_fails_because_of_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = np.arange(1000.0).reshape(10, 10, 10).astype(np.float32)
    image = str(save_nii(make_volume(values, np.eye(4), seg=False), tmp_path / "i.nii.gz"))
    mask = make_volume((values > 500).astype(np.uint8), np.eye(4), seg=True)
    labels = str(save_nii(mask, tmp_path / "m.nii.gz"))
    poi = tmp_path / "p.json"
    poi.write_text("{}")
    monkeypatch.setattr(results, "draw_snapshot", fails)
    monkeypatch.setattr(previews, "draw_preview", fails)
    monkeypatch.setattr(qc_mosaic, "draw_entry", fails)
    from TPTBox import POI

    monkeypatch.setattr(POI, "load", lambda _: None)
    for node in (
        Snapshot(in_file=image, spine=labels, vert=labels, poi=str(poi)),
        TSSPreview(in_file=image, seg_file=labels),
        EPISegQC(in_file=image, seg_file=labels),
    ):
        outputs = node.run().outputs.get()
        assert all(Path(path).stat().st_size > 500 for path in outputs.values())
