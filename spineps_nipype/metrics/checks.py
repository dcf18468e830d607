"""Checks of the masks of one scan: what a reader can trust, and what to look at.

No check changes a mask. The bounds are wide, so that the anatomy of most people passes; a finding
says where to look, not what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from scipy import ndimage

from ..core.anatomy import (
    C1,
    L1,
    L5,
    RANK,
    SACRUM,
    T1,
    T11,
    T12,
    T13,
    VERTEBRA_NAMES,
)
from ..core.spine_names import left_out
from ..core.verdicts import Verdict, worst
from .canal_check import CANAL_CHECK, check_canal
from .end_check import ENDS, check_ends
from .findings import OVERALL, Finding
from .local_frames import MaskBox
from .quality import QUALITY, Quality, judge_quality
from .quality import REMEDY as QUALITY_REMEDY
from .size_check import SIZES, check_sizes
from .spine_metrics import Scene

HEADER_CHECK: Final = "header"
"""Check that has a row only where the header of the scan is odd."""

PIECE_SHARE: Final = 0.1
"""Share of the volume from which on a second piece of a body or disc counts."""
DOUBTFUL: Final = 0.75
VERY_DOUBTFUL: Final = 0.35
"""Names less probable are to be looked at, and cannot be trusted."""
NAMES: Final = "names"
NOTHING_FOUND: Final = (
    "Open the mosaic: if the scan shows a spine, choose a network for its contrast "
    "(--model-semantic), or give a corrected seg-spine (--derivatives)."
)
REMEDIES: Final[Mapping[str, str]] = {
    "vertebrae": "Open the viewer at this level: where a piece is no bone or belongs to another "
    "vertebra, correct seg-vert and run again with --derivatives.",
    "order": "Look at both vertebrae in the snapshot: give them other names with "
    "--manual-labels, or correct seg-vert and run again with --derivatives.",
    "discs": "Look for the disc in the sagittal picture: where it can be seen, correct seg-spine "
    "and run again with --derivatives; fused and very thin discs have none.",
    SIZES: "Look at the body or disc in the sagittal picture: a fracture is real; where the "
    "mask misses tissue or has too much, correct it and run again with --derivatives.",
    ENDS: "Look at this end of the spine in the sagittal picture: where vertebrae are missed, "
    "choose a network for the contrast (--model-semantic), or correct seg-spine and run again "
    "with --derivatives; where the image shows none, nothing needs to be done.",
    CANAL_CHECK: "Look at these vertebrae in the sagittal picture: where the image is dark or "
    "noisy there, leave them out; where something else was taken for a vertebra, or the canal can "
    "be seen, correct seg-spine and run again with --derivatives.",
    "counts": "Count from C2, the first rib or the sacrum, also in other scans of the session; "
    "some people do have one more or less. Fix wrong names with --manual-labels.",
    "field of view": "Nothing needs to be corrected; leave the measures of this body out.",
    NAMES: "Look for C2, the first rib or the sacrum, also in other scans of the session, and fix "
    "the names with --manual-labels if they are wrong.",
    QUALITY: QUALITY_REMEDY,
    HEADER_CHECK: "Compare sides and directions with the pictures of the scanner; if they differ, "
    "convert the scan again from DICOM.",
}
"""What a reader does about a finding of each check."""
SIDES: Final = "RL"
THORACIC, LUMBAR = 12, 5
MAX_REASONS: Final = 3
"""Reasons that the overall verdict repeats."""


def check_masks(
    scene: Scene,
    metrics: Sequence[Mapping[str, Any]],
    labels: Sequence[Mapping[str, Any]] | None,
    header_warnings: Sequence[str] = (),
    quality: Quality | None = None,
) -> list[Finding]:
    """Judge the final masks of a scan.

    Parameters
    ----------
    scene
        The structures in the masks.
    metrics
        Rows of `measure_spine`.
    labels
        Rows of the labelling phase (name, confidence, source); None if vertebrae were not named
        but counted.
    header_warnings
        What is odd about the header of the scan: positions that contradict each other.
    quality
        Expected Dice of the structures; None where none is known, and the check has no row.

    Returns
    -------
    list of Finding
        The overall verdict first; then each check: once if it passes, else once per finding.
    """
    if not scene.bodies:
        reason = "There is no vertebra in the masks."
        found = [Finding("vertebrae", "fail", "", reason, NOTHING_FOUND)]
    else:
        rows = {row["label"]: row for row in metrics if row["label"] is not None}
        found = [
            *_or_pass("vertebrae", _in_one_piece(scene.bodies, "vertebrae", "Body of", "")),
            *_or_pass("order", _order(scene)),
            *_or_pass(
                "discs",
                [*_in_one_piece(scene.discs, "discs", "Disc below", "disc "), *_discs(scene)],
            ),
            *_or_pass(SIZES, check_sizes(scene, rows)),
            *_or_pass(ENDS, check_ends(scene)),
            *_or_pass(CANAL_CHECK, check_canal(scene)),
            *_or_pass("counts", _counts(scene)),
            *_or_pass("field of view", _cuts(scene)),
            *_or_pass(NAMES, _names(labels)),
        ]
    found += _quality(quality)
    found += [Finding(HEADER_CHECK, "look", "", warning) for warning in header_warnings]
    found = [_with_remedy(f) for f in found]
    return [summed_up(found), *found]


def check_names(labels: Sequence[Mapping[str, Any]], remedy: str = "") -> list[Finding]:
    """The check of the names by itself, for systems that have no others.

    Parameters
    ----------
    labels
        Rows of the table of names (name, confidence, sequences).
    remedy
        What to do about uncertain names, where that differs from `REMEDIES`.

    Returns
    -------
    list of Finding
        One, as the names are right or wrong together.
    """
    found = _or_pass(NAMES, _names(labels))
    return [_with_remedy(replace(f, remedy=remedy) if f.verdict != "pass" else f) for f in found]


def summed_up(found: Sequence[Finding]) -> Finding:
    """The overall verdict of some findings: the worst of them, and the first reasons."""
    return Finding(OVERALL, worst(f.verdict for f in found) or "pass", "", _summary(found))


def _quality(quality: Quality | None) -> list[Finding]:
    """What is expected of each structure."""
    if quality is None:
        return []
    return [
        Finding(QUALITY, one.verdict, one.structure, one.reason, "", *(one.expected or ())[1:])
        for one in judge_quality(quality)
    ]


def _with_remedy(finding: Finding) -> Finding:
    """A finding that says what to do, unless it passes."""
    if finding.remedy or finding.verdict == "pass":
        return finding
    return replace(finding, remedy=REMEDIES[finding.check])


def _summary(found: Sequence[Finding]) -> str:
    """The first reasons, failures before the rest."""
    reasons = [f.reason for verdict in ("fail", "look") for f in found if f.verdict == verdict]
    if not reasons:
        return "All checks pass."
    more = len(reasons) - MAX_REASONS
    return " ".join(reasons[:MAX_REASONS]) + (f" And {more} more." if more > 0 else "")


def _or_pass(check: str, findings: list[Finding]) -> list[Finding]:
    """The findings of a check, or that it passes."""
    return findings or [Finding(check, "pass", "", "")]


def _in_one_piece(
    parts: Mapping[int, MaskBox], check: str, word: str, prefix: str
) -> list[Finding]:
    """Each structure is in one piece."""
    found = []
    for v, box in parts.items():
        pieces, count = ndimage.label(box.values, np.ones((3, 3, 3)))
        if count < 2:
            continue
        sizes = np.sort(np.bincount(pieces.ravel())[1:])[::-1]
        large = int(np.count_nonzero(sizes >= PIECE_SHARE * sizes.sum()))
        if large > 1:
            name = VERTEBRA_NAMES[v]
            found.append(
                Finding(check, "look", prefix + name, f"{word} {name} lies in {large} pieces.")
            )
    return found


def _depth_mm(box: MaskBox) -> float:
    """Mean position along the inferior axis of the image [mm]."""
    return float(box.middle[1])


def _order(scene: Scene) -> list[Finding]:
    """Vertebrae lie in the order of their names, and none is missing between two others."""
    found = []
    names = scene.from_top
    for upper, lower in pairwise(names):
        a, b = VERTEBRA_NAMES[upper], VERTEBRA_NAMES[lower]
        if _depth_mm(scene.bodies[upper]) >= _depth_mm(scene.bodies[lower]):
            found.append(Finding("order", "fail", b, f"{b} lies above {a}."))
        missing = left_out(upper, lower)
        if missing:
            words = ", ".join(VERTEBRA_NAMES[v] for v in missing)
            verb = "is" if len(missing) == 1 else "are"
            reason = f"{words} {verb} missing between {a} and {b}."
            found.append(Finding("order", "fail", b, reason))
    return found


def _discs(scene: Scene) -> list[Finding]:
    """A disc lies between each two bodies, with the number of the upper one, and nowhere else."""
    found = []
    names = scene.from_top
    for upper, lower in pairwise(names):
        name = f"{VERTEBRA_NAMES[upper]}-{VERTEBRA_NAMES[lower]}"
        disc = scene.discs.get(upper)
        if disc is None:
            if upper != C1:
                found.append(Finding("discs", "look", name, f"There is no disc {name}."))
            continue
        top, bottom = (_depth_mm(scene.bodies[v]) for v in (upper, lower))
        if not top < _depth_mm(disc) < bottom:
            reason = f"The disc {name} does not lie between both bodies."
            found.append(Finding("discs", "fail", name, reason))
    last = names[-1]
    for v in sorted(set(scene.discs) - set(names), key=RANK.__getitem__):
        if RANK[v] > RANK[names[0]] or RANK[names[0]] - RANK[v] > 1:
            reason = f"There is a disc below {VERTEBRA_NAMES[v]}, but no {VERTEBRA_NAMES[v]}."
            found.append(Finding("discs", "look", VERTEBRA_NAMES[v], reason))
    if SACRUM in scene.present and last not in scene.discs:
        reason = f"There is no disc between {VERTEBRA_NAMES[last]} and the sacrum."
        found.append(Finding("discs", "look", f"{VERTEBRA_NAMES[last]}-S1", reason))
    return found


def _counts(scene: Scene) -> list[Finding]:
    """Number of thoracic and lumbar vertebrae, where all of them are in view."""
    found = []
    present = set(scene.bodies)
    thoracic = sum(v in present for v in (*range(T1, T12 + 1), T13))
    lumbar = sum(v in present for v in range(L1, L5 + 2))
    if {T1, L1} <= present and thoracic != THORACIC:
        reason = f"There are {thoracic} thoracic vertebrae."
        found.append(Finding("counts", "look", "thoracic", reason))
    whole = L1 in present and present & {T11, T12, T13} and SACRUM in scene.present
    if whole and lumbar != LUMBAR:
        reason = f"There are {lumbar} lumbar vertebrae above the sacrum."
        found.append(Finding("counts", "look", "lumbar", reason))
    return found


def _cuts(scene: Scene) -> list[Finding]:
    """Bodies that the border of the image cuts.

    At both ends of the spine that is expected, of more than one body where the spine leaves the
    image aslant. A slab that is narrower than the bodies cuts them all on the right or left: one
    remark on the scan, and no reason to look.
    """
    check = "field of view"
    names = scene.from_top
    expected = dict.fromkeys(names, SIDES)
    remarks = []
    for side, order in (("S", names), ("I", names[::-1])):
        for v in order:
            if side not in scene.bodies[v].cut:
                break
            expected[v] += side
            name = VERTEBRA_NAMES[v]
            remarks.append(Finding(check, "pass", name, f"{name} is only partly in view."))
    found = []
    for v in names:
        cut = "".join(c for c in scene.bodies[v].cut if c not in expected[v])
        if cut:
            name = VERTEBRA_NAMES[v]
            reason = f"The border of the image cuts the body of {name} ({', '.join(cut)})."
            found.append(Finding(check, "look", name, reason))
    narrow = sum(bool(set(SIDES) & set(scene.bodies[v].cut)) for v in names)
    if narrow:
        reason = f"The slab is narrower than {narrow} of {len(names)} bodies."
        remarks.append(Finding(check, "pass", "", reason))
    return [*found, *remarks]


def _names(labels: Sequence[Mapping[str, Any]] | None) -> list[Finding]:
    """How probable the names are: one finding a scan, as names are right or wrong together."""
    if labels is None:
        reason = "The vertebrae were counted from the top, not named by a model."
        return [Finding(NAMES, "look", "", reason)]
    known = [row["confidence"] for row in labels if row.get("confidence") is not None]
    if not known or min(known) >= DOUBTFUL:
        return []
    verdict: Verdict = "fail" if min(known) < VERY_DOUBTFUL else "look"
    sequences = next((row["sequences"] for row in labels if row.get("sequences")), None)
    likely = f": {sequences}" if sequences else f": the least probable has {min(known):.2f}"
    return [Finding(NAMES, verdict, "", f"The names are uncertain{likely}.")]
