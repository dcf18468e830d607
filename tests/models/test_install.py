"""Fetching and importing packages, against a server on this machine."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spineps_nipype.core import locks
from spineps_nipype.core.files import file_digest
from spineps_nipype.core.locks import LockBusyError, held
from spineps_nipype.errors import ModelError
from spineps_nipype.models import pins
from spineps_nipype.models.download import CHUNK
from spineps_nipype.models.install import fetch, import_files, installed_folder, verify
from spineps_nipype.models.pins import DOWNLOADS, PINS, pin
from spineps_nipype.models.registry import registry
from spineps_nipype.workflows.commands.models import main

from .file_server import FileServer, serve

T2W = registry()["t2w"]
CONTENT = {"inner/inference_config.json": b"{}", "inner/fold_0/weights.pth": os.urandom(500_000)}


def zipped(content: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as running:
        running["t2w.zip"] = zipped(CONTENT)
        yield running


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "my models"


def get(server: FileServer, models: Path) -> tuple[Path, bool]:
    return fetch(T2W, models, mirror=server.url, wait=0.0)


def test_a_package_is_installed_whole_and_once(server: FileServer, models: Path) -> None:
    folder, new = get(server, models)
    assert (folder, new) == (models / "T2w_semantic_v1.0.9", True)
    assert (folder / "fold_0/weights.pth").read_bytes() == CONTENT["inner/fold_0/weights.pth"]
    assert get(server, models) == (folder, False)
    assert len(server.asked) == 1
    assert verify(T2W, models) == []
    assert list(json.loads((models / PINS).read_text())) == ["v1.0.9/t2w.zip"]
    assert not list(models.rglob("*.zip"))
    assert not list(models.rglob("*.part"))


def test_a_broken_transfer_goes_on_where_it_stopped(server: FileServer, models: Path) -> None:
    server.break_after, server.breaks = 2 * CHUNK + 99, 2
    folder, _ = get(server, models)
    spans = [None, f"bytes={2 * CHUNK}-", f"bytes={4 * CHUNK}-"]
    assert [span for _, span in server.asked] == spans
    assert (folder / "fold_0/weights.pth").read_bytes() == CONTENT["inner/fold_0/weights.pth"]


def test_a_later_run_goes_on_too_unless_the_file_has_changed(
    server: FileServer, models: Path
) -> None:
    server.break_after, server.breaks = CHUNK, 5
    with pytest.raises(ModelError, match=r"download failed.*goes on where it stopped"):
        get(server, models)
    assert installed_folder(T2W, models) is None
    server["t2w.zip"] = zipped({"inference_config.json": b"{}", "new": os.urandom(60_000)})
    folder, _ = get(server, models)
    assert server.asked[-1][1] == f"bytes={5 * CHUNK}-"
    assert (folder / "new").stat().st_size == 60_000


def test_a_killed_run_is_gone_on_with(server: FileServer, models: Path) -> None:
    """Killed in the middle of a transfer; the next run asks for the rest only."""
    server.stall_after = 3 * CHUNK
    command = [sys.executable, "-m", "spineps_nipype.workflows.commands.models", "fetch", "t2w"]
    running = subprocess.Popen([*command, "--mirror", server.url, "--models-dir", str(models)])
    try:
        part = models / ".downloads/t2w/t2w.zip.part"
        end = time.monotonic() + 60
        while not (part.is_file() and part.stat().st_size >= 2 * CHUNK):
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        running.kill()
        running.wait()
    server.stall_after = 0
    there = part.stat().st_size
    folder, new = get(server, models)
    assert new
    assert [span for _, span in server.asked] == [None, f"bytes={there}-"]
    assert (folder / "fold_0/weights.pth").read_bytes() == CONTENT["inner/fold_0/weights.pth"]


def test_a_file_that_is_not_there(server: FileServer, models: Path) -> None:
    server.files.clear()
    with pytest.raises(ModelError, match="404"):
        get(server, models)
    assert len(server.asked) == 1  # trying again would not help
    assert not list(models.glob("T2w*"))


def test_another_file_than_the_pinned_one_is_refused(server: FileServer, models: Path) -> None:
    folder, _ = get(server, models)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    folder.rmdir()
    server["t2w.zip"] = zipped({"inference_config.json": b"{}", "evil": b"x"})
    with pytest.raises(ModelError, match=r"not the one that was pinned.*sha256\.json"):
        get(server, models)
    assert installed_folder(T2W, models) is None
    assert not list(models.rglob("*.zip"))
    carried = models.parent / "carried.zip"
    carried.write_bytes(server.files["t2w.zip"])
    with pytest.raises(ModelError, match=r"not the one that was pinned.*carried\.zip"):
        import_files(T2W, models, [carried])
    carried.write_bytes(zipped(CONTENT))  # zip files carry the time: other bytes
    (models / PINS).write_text(json.dumps({"v1.0.9/t2w.zip": file_digest(carried)}))
    assert import_files(T2W, models, [carried]) == folder
    with pytest.raises(ModelError, match="installed already"):
        import_files(T2W, models, [carried])


def link(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inference_config.json", b"{}")
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (zipped({"inference_config.json": b"{}", "../../out.txt": b"x"}), "outside its folder"),
        (zipped({"inference_config.json": b"{}", "/tmp/out.txt": b"x"}), "outside its folder"),
        (zipped({"inference_config.json": b"{}", "a\\..\\..\\out.txt": b"x"}), "outside"),
        (link("weights.pth"), "a link"),
        (zipped(CONTENT)[:-40], "damaged"),
        (b"<html>not found</html>", "damaged"),
        (zipped({"readme.txt": b"x"}), r"holds no inference_config\.json"),
    ],
)
@pytest.mark.parametrize("by_hand", [False, True])
def test_archives_that_are_refused(
    server: FileServer, models: Path, archive: bytes, words: str, by_hand: bool
) -> None:
    server["t2w.zip"] = archive
    carried = models.parent / "carried.zip"
    carried.write_bytes(archive)
    with pytest.raises(ModelError, match=words):
        import_files(T2W, models, [carried]) if by_hand else get(server, models)
    assert installed_folder(T2W, models) is None
    assert not (models / PINS).exists()
    assert not list(models.parent.rglob("out.txt"))


def test_nothing_is_left_of_a_damaged_download(server: FileServer, models: Path) -> None:
    """The damaged file would be taken for the whole one next time."""
    whole = zipped(CONTENT)
    server["t2w.zip"] = whole[:-100]
    with pytest.raises(ModelError, match="damaged"):
        get(server, models)
    assert [p.name for p in models.rglob("*") if p.is_file()] == ["t2w.lock"]
    server["t2w.zip"] = whole
    assert get(server, models)[1]


@pytest.mark.parametrize(
    "names", [("a", "b"), ("a", "a/inner"), ("T2w_semantic_v1.0.9", "other"), (".", "a")]
)
def test_two_packages_in_one_archive(
    server: FileServer, models: Path, names: tuple[str, str]
) -> None:
    server["t2w.zip"] = zipped({f"{name}/inference_config.json": b"{}" for name in names})
    with pytest.raises(ModelError, match=r"holds 2 packages \(.*\), not one"):
        get(server, models)
    assert [p.name for p in models.rglob("*") if p.is_file()] == ["t2w.lock"]


def test_what_a_mac_adds_is_no_package(server: FileServer, models: Path) -> None:
    server["t2w.zip"] = zipped({"__MACOSX/a/inference_config.json": b"x", **CONTENT})
    assert (get(server, models)[0] / "fold_0/weights.pth").is_file()


def test_two_processes_at_once(server: FileServer, models: Path) -> None:
    """Both say where the package is; one of them has fetched it."""
    code = (
        "import sys\nfrom spineps_nipype.workflows.commands.models import main\n"
        f"sys.exit(main(['fetch', 't2w', '--mirror', {server.url!r}, "
        f"'--models-dir', {str(models)!r}]))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    texts = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert len(server.asked) == 1
    assert sorted("already" in text for text in texts) == [False, True]
    assert verify(T2W, models) == []


def test_packages_that_come_at_once_are_all_pinned(models: Path) -> None:
    digests = {f"v1/{number}.zip": str(number) for number in range(40)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: pin(models, {name: digests[name]}), digests))
    assert json.loads((models / PINS).read_text()) == digests


def test_waiting_for_another_process_is_said(
    models: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.05)
    (models / DOWNLOADS).mkdir(parents=True)
    with ThreadPoolExecutor(1) as pool:
        with held(models / DOWNLOADS / f"{PINS}.lock"):
            waiting = pool.submit(pin, models, {"v1/a.zip": "1"})
            while not caplog.records:
                time.sleep(0.01)
            assert not waiting.done()
        waiting.result(timeout=60)
    assert "waiting for another process" in caplog.text


def test_waiting_for_another_process_has_an_end(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "LONGEST_DOWNLOAD", 0.1)
    (models / DOWNLOADS).mkdir(parents=True)
    with (
        held(models / DOWNLOADS / f"{PINS}.lock"),
        pytest.raises(LockBusyError, match="Wait until it has ended"),
    ):
        pin(models, {"v1/a.zip": "1"})


def test_verify_names_what_is_wrong(server: FileServer, models: Path) -> None:
    folder, _ = get(server, models)
    (folder / "fold_0/weights.pth").write_bytes(b"other")
    (folder / "inference_config.json").unlink()
    (folder / "more").write_text("x")
    assert verify(T2W, models) == [
        "inference_config.json is missing",
        "fold_0/weights.pth is changed",
        "more was added",
    ]


def test_packages_of_other_systems(server: FileServer, models: Path) -> None:
    step = registry()["totalspineseg_step1"]
    name = step.url.rpartition("/")[2]
    dataset = "Dataset101_TotalSpineSeg_step1"
    server[name] = zipped({f"{dataset}/trainer/plans.json": b"{}"})
    folder, _ = fetch(step, models, mirror=server.url)
    assert folder == models / "totalspineseg/nnUNet/results/r20241115" / dataset
    assert (folder / "trainer/plans.json").is_file()
    slices = registry()["spine_segmentation"]
    files = []
    for url in slices.urls:
        server[url.rpartition("/")[2]] = url.encode()
        files.append(models / url.rpartition("/")[2])
        files[-1].write_bytes(url.encode())
    with pytest.raises(ModelError, match=r"made of 2 file\(s\)"):
        import_files(slices, models, files[:1])
    folder = import_files(slices, models, files[::-1])
    assert sorted(p.name for p in folder.glob("*.onnx")) == sorted(p.name for p in files)
    assert all(p.read_bytes().decode().endswith(p.name) for p in folder.glob("*.onnx"))


def test_the_command_line(
    server: FileServer,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("SPINEPS_SEGMENTOR_MODELS", raising=False)
    assert main(["fetch", "t2w"]) == 1
    assert "--models-dir" in capsys.readouterr().err
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(models))
    server["t1w.zip"] = zipped({"inference_config.json": b"{}"})
    assert main(["fetch", "T2W", "t1w", "--mirror", server.url]) == 0
    assert "licence" in capsys.readouterr().out
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if " yes " in line] == ["t2w", "t1w"]
    assert {line.split()[1] for line in lines[1:-1]} == {
        *("SPINEPS", "TotalSpineSeg", "EPISeg", "spine-segmentation", "VIBESeg")
    }
    assert main(["verify"]) == 0
    (models / T2W.folder / "inference_config.json").write_text("[]")
    assert main(["verify"]) == 1
    assert "inference_config.json is changed" in capsys.readouterr().out
    assert main(["show", "episeg", "TotalSpineSeg"]) == 0
    text = capsys.readouterr().out
    assert text.count("licence   LGPL-3.0") == 2
    assert "https://github.com/sct-pipeline" in text
    with pytest.raises(SystemExit) as stop:
        main(["show", "t3w"])
    assert stop.value.code == 2
    assert main(["import", "instance", str(models / "absent.zip")]) == 1
    assert "absent.zip" in capsys.readouterr().err


def test_a_failing_package_does_not_stop_the_others(
    server: FileServer, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server["t1w.zip"] = zipped({"inference_config.json": b"{}"})
    del server.files["t2w.zip"]
    arguments = ["fetch", "t2w", "t1w", "--mirror", server.url, "--models-dir", str(models)]
    assert main(arguments) == 1
    assert "t2w: The download failed" in capsys.readouterr().err
    assert installed_folder(registry()["t1w"], models) is not None
