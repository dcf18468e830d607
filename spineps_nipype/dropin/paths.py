"""Paths of the results of a scan. Source: SPINEPS 2.1.3."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..bids.names import EXTENSIONS, output_name, parse_name, result_paths

if TYPE_CHECKING:
    from TPTBox import BIDS_FILE


def input_image_path(img_ref: BIDS_FILE) -> Path:
    """File of a scan; .nii.gz takes precedence over .nii.

    Raises
    ------
    KeyError
        If there is neither.
    """
    for extension in EXTENSIONS:
        if extension.removeprefix(".") in img_ref.file:
            return Path(img_ref.file[extension.removeprefix(".")])
    raise KeyError(f"no NIfTI file in {img_ref.file}, expected one of {', '.join(EXTENSIONS)}")


def output_paths_from_input(
    img_ref: BIDS_FILE,
    derivative_name: str,
    snapshot_copy_folder: Path | str | None,
    input_format: str,
    non_strict_mode: bool = False,
    _dataset_id_ct_crop: int = 100,
) -> dict[str, Path]:
    """Paths of all results of a scan; nothing is created on disk.

    Parameters
    ----------
    img_ref
        The scan, with the root of its dataset.
    derivative_name
        Output folder below the root.
    snapshot_copy_folder
        Folder for a copy of the snapshot; without it ``out_snap2`` is ``out_snap``.
    input_format
        Suffix of the file name, used in the names of the folders for raw and debug files.
    non_strict_mode
        Use the whole file name as subject, as for names that do not follow BIDS.

    Returns
    -------
    dict of Path
        ``out_spine``, ``out_vert``, ``out_ctd``, ``out_snap``, ``out_snap2``, ``out_raw``,
        ``out_spine_raw``, ``out_vert_raw``, ``out_logits``, ``out_unc``, ``out_debug``,
        ``out_vibeseg``, and further ones of this package.
    """
    path, root = input_image_path(img_ref), Path(img_ref.dataset)
    inside = path.parent.relative_to(root) if path.is_relative_to(root) else Path()
    folder = root.joinpath(derivative_name, *inside.parts[1:])
    name = parse_name(path, strict=not non_strict_mode)
    paths = result_paths(name, folder, snapshot_folder=snapshot_copy_folder)
    for key, word in (("out_raw", "output_raw"), ("out_debug", "debug")):
        paths[key] = folder / f"{word}_{input_format}"
    raw = ("out_spine_raw", "out_vert_raw", "out_logits", "out_probseg", "out_unc")
    for key in (*raw, "out_modelres"):
        paths[key] = paths["out_raw"] / paths[key].name
    crop = output_name(name, "msk", ".nii.gz", seg=f"VIBESeg-{_dataset_id_ct_crop}")
    return {**paths, "out_vibeseg": folder / crop}
