"""Which stored results enter the graph as files, and which phases run.

The output folder remembers results. A phase whose result is there, made from the same image with
the same settings and the same model, is not computed again; everything that depends on a phase
that runs, runs after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from spineps_nipype.core.files import file_digest

from .record import PHASES, UNNEEDED, Models, differences, phase_record

if TYPE_CHECKING:
    from spineps_nipype.spineps.settings import OverrideSettings, PipelineSettings, SaveSettings

Reuse = Literal["same", "any"]
"""Keep stored results only if made the same way, or whatever they were made with."""
Action = Literal["stored", "run", "copy"]

OUTPUT_KEYS: Final[Mapping[str, str]] = {
    "spine_raw": "out_spine_raw",
    "vert_raw": "out_vert_raw",
    "spine": "out_spine",
    "vert": "out_vert",
    "poi": "out_ctd",
    "snapshot": "out_snap",
    "metrics": "out_metrics",
    "checks": "out_checks",
}
"""Results that later runs build on, and the keys of their output paths."""
RESULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "semantic": ("spine_raw",),
    "instance": ("vert_raw",),
    "final": ("spine", "vert"),
    "poi": ("poi",),
    "snapshot": ("snapshot",),
    "metrics": ("metrics", "checks"),
}
SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "semantic": ("scan",),
    "instance": ("scan", "spine_raw"),
    "final": ("scan", "spine_raw", "vert_raw"),
    "poi": ("scan", "spine", "vert"),
    "snapshot": ("scan", "spine", "vert", "poi"),
    "metrics": ("scan", "spine", "vert"),
}
"""Files that each phase makes its result from; the scan identifies the image."""
LABELS: Final = "labels_table"
"""Confidences of the names: stored with the final masks, where a model gave the names."""
RAW: Final = ("semantic", "instance")
"""Phases whose results are needed only to make others."""
OVERRIDES: Final[Mapping[str, str]] = {
    "semantic": "override_semantic",
    "instance": "override_instance",
    "final": "override_postpair",
    "poi": "override_ctd",
}
EXTRAS: Final[Mapping[str, tuple[str, str, str]]] = {
    "softmax": ("save_softmax_logits", "out_logits", "semantic"),
    "probseg": ("save_probseg", "out_probseg", "semantic"),
    "uncertainty": ("save_uncertainty", "out_unc", "semantic"),
    "debug": ("save_debug_data", "out_debug", "instance"),
}
"""Additional files: the setting that asks for it, its output key, the phase that makes it."""
PROVENANCE: Final = "Provenance"


class Step(NamedTuple):
    """What happens to one phase, and why."""

    phase: str
    action: Action
    why: str


@dataclass(frozen=True)
class StoredResults:
    """Results that enter the graph as files.

    Parameters
    ----------
    files
        Stored file by result name: spine_raw, vert_raw, spine, vert, poi, snapshot, metrics,
        checks, and labels_table if there is one.
    """

    files: Mapping[str, Path] = field(default_factory=dict)

    def has(self, phase: str) -> bool:
        """Whether all results of a phase are stored."""
        return all(name in self.files for name in RESULTS[phase])


@dataclass(frozen=True)
class ScanPlan:
    """Steps of one scan in their order; iterating gives (phase, action, why).

    Parameters
    ----------
    steps
        One step a phase, then copies of stored files that are still to be made.
    stored
        Results that enter the graph as files.
    copies
        Stored file and the place where a copy of it is wanted.
    """

    steps: tuple[Step, ...]
    stored: StoredResults
    copies: tuple[tuple[Path, Path], ...] = ()

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def all_done(self) -> bool:
        """Whether nothing is left to do (ALL_DONE of SPINEPS)."""
        return all(step.action == "stored" for step in self.steps)

    def runs(self, phase: str) -> bool:
        """Whether a phase is computed."""
        return any(step.phase == phase and step.action == "run" for step in self.steps)


def sidecar_of(path: Path) -> Path:
    """Sidecar of a result; a POI file is its own."""
    if path.suffix == ".json":
        return path
    return path.with_name(path.name.removesuffix(".gz").rsplit(".", 1)[0] + ".json")


def plan_scan(
    in_file: str | Path,
    paths: Mapping[str, Path],
    *,
    settings: PipelineSettings,
    models: Models,
    override: OverrideSettings | None = None,
    reuse: Reuse = "same",
    corrections: Mapping[str, str] | None = None,
) -> ScanPlan:
    """Decide for each phase of a scan whether its stored result is used or made again.

    Reads the output folder and changes nothing. Source: SPINEPS 2.1.3, decision table of one
    image; other than there, new semantic masks lead to new instances, and a result is kept only
    if it was made in the same way.

    Parameters
    ----------
    in_file
        The scan.
    paths
        Output paths of the scan by the keys of SPINEPS (out_spine, out_vert, out_ctd, ...).
    settings, models
        What the results shall be made with.
    override
        Phases whose stored result is to be made again.
    reuse
        ``any`` keeps every stored result, whatever it was made with, as SPINEPS does.
    corrections
        Digests of what a reader corrected, by kind.
    """
    shelf = _Shelf(Path(in_file), paths, settings, models, reuse, corrections or {})
    replaced = {"spine": "semantic", "vert": "instance"}
    given = {replaced[kind] for kind in corrections or {} if kind in replaced}
    missing = {
        p: extra for p, extra in _missing_extras(paths, settings.save).items() if p not in given
    }
    copies = _missing_copies(paths, settings.save)
    verdicts = {phase: shelf.verdict(phase) for phase in PHASES}
    forced = {p for p, name in OVERRIDES.items() if getattr(override, name, False)}

    finished = (
        not forced
        and not missing
        and all(verdicts[phase].usable for phase in PHASES if phase not in RAW)
    )
    if finished and all(source.is_file() for source, _ in copies):
        steps = [Step(p, "stored", _stored_reason(p, verdicts[p])) for p in PHASES]
        used = {p for p in PHASES if verdicts[p].usable}
    else:
        steps = _steps(verdicts, forced, missing)
        used = {step.phase for step in steps if step.action == "stored"}
    files = {name: paths[OUTPUT_KEYS[name]] for p in PHASES if p in used for name in RESULTS[p]}
    if "final" in used and "out_labels" in paths and paths["out_labels"].is_file():
        files[LABELS] = paths["out_labels"]
    left = tuple((a, b) for a, b in copies if a in files.values())
    steps += [Step(b.name, "copy", f"copy of {a.name}") for a, b in left]
    return ScanPlan(tuple(steps), StoredResults(files), left)


class _Verdict(NamedTuple):
    usable: bool
    why: str


def _stored_reason(phase: str, verdict: _Verdict) -> str:
    if phase in RAW and not verdict.usable:
        return "not needed: the final results are stored"
    return verdict.why


def _steps(
    verdicts: Mapping[str, _Verdict], forced: set[str], missing: Mapping[str, str]
) -> list[Step]:
    steps: list[Step] = []
    for phase in PHASES:
        ran = [
            step.phase
            for step in steps
            if step.action == "run" and step.phase not in UNNEEDED.get(phase, ())
        ]
        if phase in forced:
            steps.append(Step(phase, "run", f"{OVERRIDES[phase]} is set"))
        elif not verdicts[phase].usable:
            steps.append(Step(phase, "run", verdicts[phase].why))
        elif phase in missing:
            steps.append(Step(phase, "run", f"{missing[phase]} asked for and not stored"))
        elif ran:
            steps.append(Step(phase, "run", f"depends on the {ran[-1]} phase, which runs"))
        else:
            steps.append(Step(phase, "stored", verdicts[phase].why))
    return steps


class _Shelf:
    """The stored results of one scan, and what is known about each."""

    def __init__(
        self,
        scan: Path,
        paths: Mapping[str, Path],
        settings: PipelineSettings,
        models: Models,
        reuse: Reuse,
        corrections: Mapping[str, str],
    ) -> None:
        self._files = {name: paths[key] for name, key in OUTPUT_KEYS.items()}
        self._files["scan"] = scan
        self._settings, self._models, self._reuse = settings, models, reuse
        self._corrections = corrections
        self._digests: dict[str, str | None] = {}

    def verdict(self, phase: str) -> _Verdict:
        """Whether the stored result of a phase can be used, and why."""
        absent = [self._files[n].name for n in RESULTS[phase] if not self._files[n].is_file()]
        if absent:
            return _Verdict(False, f"not stored yet: {', '.join(absent)}")
        if self._reuse == "any":
            return _Verdict(True, "stored, kept whatever it was made with")
        wanted = phase_record(phase, self._settings, self._models, self._corrections)
        wanted["Inputs"] = {n: d for n in SOURCES[phase] if (d := self._digest(n)) is not None}
        edited = False
        for name in RESULTS[phase]:
            record = read_record(self._files[name])
            if record is None:
                return _Verdict(False, f"stored, but nothing tells how {name} was made")
            differ = differences(record, wanted)
            if differ:
                return _Verdict(False, f"stored result does not fit: {'; '.join(differ)}")
            edited |= record.get("Sha256", self._digest(name)) != self._digest(name)
        if edited:
            return _Verdict(True, "stored, and changed since: kept as a correction")
        return _Verdict(True, "stored, made the same way")

    def _digest(self, name: str) -> str | None:
        """Digest of a stored file, None if it is absent; the POI header names it no digest."""
        if name not in self._digests:
            path = self._files[name]
            self._digests[name] = file_digest(path) if path.is_file() else None
        return self._digests[name]


def read_record(path: Path) -> dict[str, Any] | None:
    """Provenance of a stored result, None if there is none that can be read."""
    try:
        content = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
        header = content[0] if isinstance(content, list) else content
        record = header[PROVENANCE]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return record if isinstance(record, dict) else None


def _missing_extras(paths: Mapping[str, Path], save: SaveSettings) -> dict[str, str]:
    """Phases that must run for an additional file that is asked for and absent."""
    missing: dict[str, str] = {}
    for name, (setting, key, phase) in EXTRAS.items():
        path = paths.get(key)
        if not getattr(save, setting) or path is None or path.is_file():
            continue
        if not path.is_dir() or not any(path.iterdir()):
            missing.setdefault(phase, name)
    return missing


def _missing_copies(paths: Mapping[str, Path], save: SaveSettings) -> list[tuple[Path, Path]]:
    wanted = [("out_snap", "out_snap2")]
    if save.save_modelres_mask:
        wanted.append(("out_spine_raw", "out_modelres"))
    pairs = [(paths[a], paths[b]) for a, b in wanted if a in paths and b in paths]
    return [(a, b) for a, b in pairs if a != b and not b.is_file()]
