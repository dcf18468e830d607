"""What a run says while it works."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.workflows.engine.plugins import NodeEvent
from spineps_nipype.workflows.engine.progress import Progress, ScanProgress

NODES = ["conform", "semantic", "snapshot", "save_final"]
FAILURE = "Traceback\nspineps_nipype.errors.EmptyResultError: Nothing. [a.nii] Look again.\n"


def name(scan: str, node: str) -> str:
    return f"wf.{scan}.spineps_wf.{node}"


def scans(*names: str) -> dict[str, tuple[str, list[str]]]:
    return {s: (f"sub-{s}", [name(s, node) for node in NODES]) for s in names}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_every_event_is_a_line_for_programs(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    progress = Progress(scans("a"), file, io.StringIO())
    progress(NodeEvent(name("a", "conform"), "start", pid=7))
    progress(NodeEvent(name("a", "conform"), "done", 2.5, 0.25))
    progress(NodeEvent(name("a", "semantic"), "cached", 9.0))
    progress(NodeEvent(name("a", "snapshot"), "failed", 1.0, 0.5, FAILURE, "crash.txt"))
    progress(NodeEvent("wf.other.node", "done"))  # no scan of this run
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(e["scan"], e["node"], e["event"]) for e in lines] == [
        ("sub-a", "conform", "start"),
        ("sub-a", "conform", "done"),
        ("sub-a", "semantic", "cached"),
        ("sub-a", "snapshot", "failed"),
    ]
    assert lines[0]["pid"] == 7
    assert (lines[1]["seconds"], lines[1]["peak_gb"]) == (2.5, 0.25)
    assert lines[3]["reason"] == "Nothing. [a.nii] Look again."
    assert [e.get("ended") for e in lines] == [None, None, None, "failed"]
    shares = [e["progress"] for e in lines]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[1] < shares[2] < shares[3] == 1.0
    assert all(e["time"] for e in lines)


def test_the_record_of_a_scan() -> None:
    progress = Progress(scans("a", "b"), None, io.StringIO())
    progress(NodeEvent(name("a", "conform"), "done", 2.0, 0.25))
    progress(NodeEvent(name("a", "semantic"), "cached", 100.0))
    progress(NodeEvent(name("a", "snapshot"), "failed", 1.0, 0.75, FAILURE, "crash.txt"))
    scan = progress.scans["a"]
    assert scan.seconds == 3.0  # what was remembered took no time
    assert scan.peak_gb == 0.75
    assert scan.finished
    assert scan.failure is not None
    assert scan.failure.where == "a.spineps_wf.snapshot"
    assert not progress.scans["b"].finished
    for node in NODES:
        progress(NodeEvent(name("b", node), "done", 0.1))
    assert progress.scans["b"].finished
    assert progress.fraction == 1.0


def test_lines_for_people_without_a_terminal() -> None:
    text = io.StringIO()
    progress = Progress(scans("a"), None, text)
    progress(NodeEvent(name("a", "semantic"), "start"))
    progress(NodeEvent(name("a", "semantic"), "done", 12.4, 1.26))
    progress(NodeEvent(name("a", "save_final"), "done", 0.1))
    progress(NodeEvent(name("a", "snapshot"), "failed", 1.0, 0.5, FAILURE))
    lines = text.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("sub-a: semantic mask (12 s, 1.3 GB)")
    assert lines[1].endswith("sub-a: failed: Nothing. [a.nii] Look again.")


def test_one_line_on_a_terminal() -> None:
    text = Terminal()
    progress = Progress(scans("a", "b"), None, text)
    progress(NodeEvent(name("a", "semantic"), "start"))
    line = text.getvalue().rpartition("\r")[2]
    assert "0 of 2 scans done, 1 running, 0 failed" in line
    assert "sub-a: semantic mask" in line
    progress.end()
    assert text.getvalue().endswith("\r")
    assert "\n" not in text.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_line_fits_on_the_terminal() -> None:
    """A longer one would be broken, and each update would leave a part of it behind."""
    import fcntl
    import pty
    import struct
    import termios

    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    with open(writer, "w") as stream, open(reader, "rb", buffering=0) as shown:
        progress = Progress(scans("a-name-of-a-scan", "b"), None, stream)
        progress(NodeEvent(name("a-name-of-a-scan", "semantic"), "start"))
        lines = shown.read(4096).decode().split("\r")
    assert max(len(line) for line in lines) == 59
    assert "0 of 2 scans done, 1 running, 0 failed" in lines[-1]


def test_a_full_disk_or_a_closed_stream_stops_nothing(tmp_path: Path) -> None:
    stream = io.StringIO()
    progress = Progress(scans("a"), tmp_path / "absent" / "progress.jsonl", stream)
    stream.close()
    progress(NodeEvent(name("a", "semantic"), "done", 1.0))
    assert progress.scans["a"].done == {name("a", "semantic")}


def test_the_end_of_each_scan_is_told_with_counts(tmp_path: Path) -> None:
    text, file = io.StringIO(), tmp_path / "progress.jsonl"
    progress = Progress(scans("a", "b", "c"), file, text)
    progress(NodeEvent(name("c", "semantic"), "start"))
    for node in NODES:
        progress(NodeEvent(name("a", node), "done", 1.0))
    progress(NodeEvent(name("b", "semantic"), "failed", 1.0, None, FAILURE))
    lines = [line for line in text.getvalue().splitlines() if "scans done" in line]
    assert [line.partition("] ")[2] for line in lines] == [
        "1 of 3 scans done, 1 running, 0 failed",
        "1 of 3 scans done, 1 running, 1 failed",
    ]
    last = json.loads(file.read_text().splitlines()[-1])
    ends = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(e["scan"], e["ended"]) for e in ends if "ended" in e] == [
        ("sub-a", "done"),
        ("sub-b", "failed"),
    ]
    counted = [last[key] for key in ("scans", "scans_done", "scans_running", "scans_failed")]
    assert counted == [3, 1, 1, 1]


def test_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("spineps_nipype.workflows.engine.progress.time.monotonic", lambda: now[0])
    text = io.StringIO()
    progress = Progress(scans("a", "b"), None, text)
    assert progress.seconds_left is None
    now[0] += 60
    for node in NODES:
        progress(NodeEvent(name("a", node), "done", 15.0))
    assert progress.seconds_left == pytest.approx(60)
    progress(NodeEvent(name("b", "semantic"), "done", 15.0))
    lines = text.getvalue().splitlines()
    assert "1 of 2 scans done, 0 running, 0 failed, about 1:00 left" in lines[-2]
    assert lines[-1].endswith("sub-b: semantic mask (15 s), about 0:03 left")


@pytest.mark.parametrize("kind", ["done", "failed"])
def test_progress_never_goes_back(kind: str) -> None:
    progress = Progress(scans("a", "b"), None, io.StringIO())
    before = progress.fraction
    for scan in ("a", "b"):
        for node in NODES:
            progress(NodeEvent(name(scan, node), "start"))
            progress(NodeEvent(name(scan, node), kind, 1.0, None, FAILURE))  # type: ignore[arg-type]
            assert progress.fraction >= before
            before = progress.fraction
    assert before == 1.0


def test_jobs_that_wait_for_a_cluster_are_not_done() -> None:
    stream = Terminal()
    progress = Progress({"scan_a": ("a", ["top.scan_a.semantic"])}, None, stream)
    progress(NodeEvent("top.scan_a.semantic", "queued", job=7))
    assert not progress.scans["scan_a"].finished
    assert progress.fraction == 0
    assert "0 failed, 1 jobs in the queue" in stream.getvalue()
    progress(NodeEvent("top.scan_a.semantic", "start", job=7))
    assert "queue" not in stream.getvalue().rpartition("\r")[2]
    progress(NodeEvent("top.scan_a.semantic", "done"))
    assert progress.scans["scan_a"].finished


def test_a_plugin_that_tells_nothing() -> None:
    """What its scans have made is then said by the files alone."""
    progress = Progress(scans("a", "b"), None, io.StringIO())
    progress(NodeEvent(name("b", "semantic"), "failed", 1.0, None, FAILURE))
    assert not progress.scans["a"].finished
    progress.assume_finished()
    assert progress.scans["a"].finished
    assert progress.counts == (1, 0, 1)


def test_a_node_that_was_told_to_stop_ends_the_run(tmp_path: Path) -> None:
    """Nipype turns Ctrl-C within a node of this process into a failure of that node."""
    progress = Progress(scans("a"), tmp_path / "progress.jsonl", io.StringIO())
    text = "Traceback (most recent call last):\n  in a node\nKeyboardInterrupt\n"
    with pytest.raises(KeyboardInterrupt):
        progress(NodeEvent(name("a", "conform"), "failed", 1.0, 0.5, text, "crash.txt"))
    assert all(scan.failure is None for scan in progress.scans.values())


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from("xyz"),
            st.sampled_from(["queued", "start", "done", "cached", "failed"]),
        ),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_the_state_of_a_run_is_the_sum_of_its_scans(happened: list) -> None:
    nodes = {name: (f"sub-{name}", [f"wf.{name}.{node}" for node in "xyz"]) for name in "abc"}
    progress = Progress(nodes, None, stream=io.StringIO())
    for name, node, kind in happened:
        progress(NodeEvent(f"wf.{name}.{node}", kind, seconds=2.0, text="ValueError: odd"))
    scans = progress.scans.values()
    failed = sum(scan.failure is not None for scan in scans)
    busy = sum(bool(scan.running) and not scan.finished for scan in scans)
    assert progress.counts == (sum(scan.finished for scan in scans) - failed, busy, failed)
    if not any(scan.running for scan in scans):
        done = sum(
            sum(scan.weights[n] for n in (scan.weights if scan.finished else scan.done))
            for scan in scans
        )
        assert progress.fraction == pytest.approx(
            done / sum(sum(scan.weights.values()) for scan in scans)
        )


def test_an_event_looks_at_its_own_scan_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a run of thousands of scans spends its time on counting."""
    names = [f"scan{i}" for i in range(50)]
    progress = Progress(
        {name: (name, [f"wf.{name}.x", f"wf.{name}.y"]) for name in names},
        None,
        stream=io.StringIO(),
    )
    looked: list[str] = []
    plain = ScanProgress.tally.fget
    monkeypatch.setattr(
        ScanProgress, "tally", property(lambda scan: looked.append(scan.label) or plain(scan))
    )
    for name in names:
        progress(NodeEvent(f"wf.{name}.x", "start"))
        progress(NodeEvent(f"wf.{name}.x", "done", seconds=1.0))
    assert looked == [name for name in names for _ in range(2)]
