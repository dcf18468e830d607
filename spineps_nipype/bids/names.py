"""Names of BIDS files taken apart, and the names of everything a scan produces.

Source: SPINEPS 2.1.3, output paths. All entities of the scan are kept, ``mod`` (the kind of
image) and ``seg`` are added, in the order of TPTBox.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ENTITY_ORDER: Final = (
    "sub,ses,sequ,acq,task,chunk,hemi,sample,split,ce,trc,stain,rec,proc,mod,recording,res,dir,"
    "echo,flip,inv,mt,part,space,seg,source,ovl,run,label,den,version,desc,nameconflict"
).split(",")
"""Entities in the order in which SPINEPS writes them; others follow in alphabetical order."""
EXTENSIONS: Final = (".nii.gz", ".nii")
_PAIR = re.compile(r"([A-Za-z]+)-(.+)")


@dataclass(frozen=True)
class ScanName:
    """A file name taken apart.

    Parameters
    ----------
    entities
        Keys and values in the order of the name.
    suffix
        The last word, which names the kind of image (T2w, ct, dixon).
    is_bids
        Whether the name begins with ``sub-`` and consists of entities and one suffix.
    """

    entities: Mapping[str, str]
    suffix: str
    is_bids: bool

    @property
    def subject(self) -> str:
        """Subject label without ``sub-``."""
        return self.entities["sub"]

    @property
    def session(self) -> str | None:
        """Session label without ``ses-``, if there is one."""
        return self.entities.get("ses")


def stem_of(path: str | Path) -> str:
    """File name without .nii or .nii.gz."""
    name = Path(path).name
    for extension in EXTENSIONS:
        if name.lower().endswith(extension):
            return name[: -len(extension)]
    return name


def parse_name(path: str | Path) -> ScanName:
    """Take a file name apart; a name that is not BIDS becomes a subject and a kind of image."""
    stem = stem_of(path)
    *words, suffix = stem.split("_")
    pairs = [_PAIR.fullmatch(word) for word in words]
    entities = {pair[1]: pair[2] for pair in pairs if pair}
    proper = all(pairs) and len(entities) == len(words) and "sub" in entities
    if proper and suffix and "-" not in suffix:
        return ScanName(entities, suffix, True)
    word = re.sub(r"[^A-Za-z0-9]+", "", stem.removeprefix("sub-")) or "scan"
    return ScanName({"sub": word}, word, False)


def build_stem(entities: Mapping[str, str]) -> str:
    """Join entities, in the order of SPINEPS."""

    def place(key: str) -> tuple[int, str]:
        return (ENTITY_ORDER.index(key) if key in ENTITY_ORDER else len(ENTITY_ORDER), key)

    return "_".join(f"{key}-{entities[key]}" for key in sorted(entities, key=place))


def output_folder(scan: str | Path, dataset: str | Path, out_dir: str | Path) -> Path:
    """Folder of a scan's results: its own folder from ``sub-`` on, below the output folder."""
    name = parse_name(scan)
    scan, out_dir = Path(scan).absolute(), Path(out_dir)
    dataset = Path(dataset).absolute()
    inside = scan.parent.relative_to(dataset).parts if scan.is_relative_to(dataset) else ()
    subjects = [i for i, part in enumerate(inside) if part.startswith("sub-")]
    if subjects:
        return out_dir.joinpath(*inside[subjects[0] :])
    folder = out_dir / f"sub-{name.subject}"
    if name.session is not None:
        folder /= f"ses-{name.session}"
    return folder.joinpath(*inside)


def output_paths(
    scan: str | Path,
    *,
    dataset: str | Path,
    out_dir: str | Path,
    snapshot_folder: str | Path | None = None,
) -> dict[str, Path]:
    """Paths of everything a scan can produce, by the keys of SPINEPS.

    Parameters
    ----------
    scan
        The image, inside `dataset`.
    dataset, out_dir
        Input and output folder.
    snapshot_folder
        Folder that gets a second copy of the snapshot.

    Returns
    -------
    dict of Path
        Keys out_spine, out_vert, out_ctd, out_snap, out_snap2, out_raw, out_spine_raw,
        out_vert_raw, out_logits, out_unc, out_debug, out_vibeseg as in SPINEPS; out_probseg,
        out_modelres and out_labels are ours.
    """
    name = parse_name(scan)
    folder = output_folder(scan, dataset, out_dir)
    raw = folder / f"output_raw_{name.suffix}"

    def named(seg: str, ending: str, where: Path = folder) -> Path:
        entities = {**name.entities, "mod": name.suffix, "seg": seg}
        return where / f"{build_stem(entities)}_{ending}"

    snapshot = named("spine", "snp.png")
    return {
        "out_spine": named("spine", "msk.nii.gz"),
        "out_vert": named("vert", "msk.nii.gz"),
        "out_ctd": named("spine", "ctd.json"),
        "out_snap": snapshot,
        "out_snap2": Path(snapshot_folder) / snapshot.name if snapshot_folder else snapshot,
        "out_labels": named("vert", "labels.tsv"),
        "out_raw": raw,
        "out_spine_raw": named("spine-raw", "msk.nii.gz", raw),
        "out_vert_raw": named("vert-raw", "msk.nii.gz", raw),
        "out_logits": named("spine", "logit.npz", raw),
        "out_probseg": named("spine", "probseg.nii.gz", raw),
        "out_unc": named("spine", "uncertainty.nii.gz", raw),
        "out_modelres": named("spine-modelres", "msk.nii.gz", raw),
        "out_debug": folder / f"debug_{name.suffix}",
        "out_vibeseg": named("VIBESeg-100", "msk.nii.gz"),
    }
