"""What a file holds, as short lines that are the same on every machine.

Whole numbers, words and label maps are exact: a label map is a digest of its voxels beside the
count of each label. Measured numbers keep a decimal point, by which `table` knows that they are
compared within a tolerance; images of them and pictures are means of a coarse grid of blocks.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import html
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spineps_nipype.core.files import REPLACED

Text = Callable[[str], str]
Summary = dict[str, str]
"""Lines of a file by their keys."""

PIXELS: Final = (".nii.gz", ".npz", ".png", ".jpg")
BLOCKS: Final = {1: 3, 2: 3, 3: 3, 4: 2}
"""Blocks along each of the first three axes of an image, by its number of axes."""
PICTURE_BLOCKS: Final = 4
GREY_LEVELS: Final = 255
LONG_TEXT: Final = 15
"""Lines above which a text is told by a digest."""
LONG, BEGINNING = 120, 40
"""Characters above which prose is told by its beginning, and those of the beginning."""
VERSION_KEYS: Final = ("Version", "version", "sctVersion")
MEASURED_COLUMNS: Final = ("seconds", "peak_memory")
"""Columns that differ from run to run."""
LIBRARIES: Final = "Versions"
OPTIONAL: Final = frozenset({"openvino"})
"""Libraries that a machine may lack."""
TIMES: Final = "Run times"
"""Part of a page that differs from run to run."""


def summary(path: Path, text: Text) -> Summary:
    """Summary of a file by its kind; `text` replaces what is not the same everywhere."""
    name = path.name.partition(REPLACED)[0]
    if name.endswith(PIXELS):
        return dict(_of_pixels(name, path.read_bytes()))
    kinds: dict[str, Callable[[Path, Text], Summary]] = {
        ".json": _json,
        ".tsv": _table,
        ".html": _page,
        ".js": _script,
    }
    return kinds.get(Path(name).suffix, _lines)(path, text)


@cache
def _of_pixels(name: str, content: bytes) -> Summary:
    """Images and pictures, most of which are the same from case to case."""
    if name.endswith(".nii.gz"):
        return image_summary(nib.Nifti1Image.from_bytes(gzip.decompress(content)))
    return _arrays(content) if name.endswith(".npz") else _picture(content)


def image_summary(image: Any, *, coarse: bool = False) -> Summary:
    """Header and voxels of an image; grey values are `coarse`, whatever their type."""
    header, data = image.header, np.asarray(image.dataobj)
    lines = {
        "dtype": f"{header.get_data_dtype()}",
        "shape": " ".join(map(str, data.shape)),
        "affine": _numbers(image.affine[:3]),
        "codes": f"qform {int(header['qform_code'])} sform {int(header['sform_code'])} "
        f"units {int(header['xyzt_units'])} intent {int(header['intent_code'])}",
    }
    return lines | (_coarse(data) if coarse or data.dtype.kind == "f" else _labels(data))


def _labels(data: NDArray[Any]) -> Summary:
    labels, counts = np.unique(data, return_counts=True)
    told = " ".join(f"{n}:{count}" for n, count in zip(labels, counts, strict=True))
    content = np.ascontiguousarray(data.astype("<i8")).tobytes()
    return {"labels": told, "voxels": _digest(content)}


def _coarse(data: NDArray[Any]) -> Summary:
    values = data.astype(np.float64)
    blocks = _block_means(values, (BLOCKS[values.ndim],) * min(3, values.ndim))
    spread = (values.min(), values.mean(), values.max(), values.std())
    return {"least mean most std": _numbers(spread), "blocks": _numbers(blocks)}


def _block_means(values: NDArray[Any], blocks: tuple[int, ...]) -> NDArray[Any]:
    """Means of blocks along the first axes, all others kept."""
    for axis, count in enumerate(blocks):
        starts = np.linspace(0, values.shape[axis], min(count, values.shape[axis]) + 1)
        ends = starts.astype(int)
        parts = [
            values.take(range(a, b), axis).mean(axis, keepdims=True) for a, b in pairwise(ends)
        ]
        values = np.concatenate(parts, axis)
    return values


def _numbers(values: Any) -> str:
    return " ".join(number(float(v)) for v in np.ravel(values))


def number(value: float) -> str:
    """A measured number: five digits, and always a decimal point.

    >>> number(4), number(0.123456), number(12345678.0)
    ('4.0', '0.12346', '12346000.0')
    """
    return repr(float(f"{value:.5g}") + 0.0)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _json(path: Path, text: Text) -> Summary:
    return dict(flat(json.loads(path.read_text(encoding="utf-8")), text))


def flat(content: Any, text: Text, key: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of a JSON content by their keys, joined with dots; short lists are one leaf."""
    if isinstance(content, Mapping) and content:
        for name, value in content.items():
            if name == LIBRARIES:
                value = dict.fromkeys(sorted(set(value) - OPTIONAL), "<version>")
            elif name in VERSION_KEYS:
                value = "<version>"
            yield from flat(value, text, f"{key}.{text(name)}" if key else text(name))
    elif isinstance(content, list) and any(isinstance(v, (dict, list)) for v in content):
        for place, value in enumerate(content):
            yield from flat(value, text, f"{key}[{place}]")
    elif isinstance(content, list):
        yield key, "[" + ", ".join(_leaf(v, text) for v in content) + "]"
    else:
        yield key, _leaf(content, text)


def _leaf(value: Any, text: Text) -> str:
    if isinstance(value, float):
        return number(value)
    return _short(text(value)) if isinstance(value, str) else json.dumps(value)


def _short(told: str) -> str:
    """Prose by its beginning and a digest."""
    if len(told) <= LONG or " " not in told:
        return told
    return f"{told[:BEGINNING]}… {_digest(told.encode())}"


def _table(path: Path, text: Text) -> Summary:
    """A line for the columns and one for each row; empty cells are left out."""
    with path.open(newline="", encoding="utf-8") as stream:
        columns, *rows = csv.reader(stream, delimiter="\t")
    lines = {"columns": " | ".join(columns)}
    for place, row in enumerate(rows):
        cells = zip(columns, row, strict=True)
        told = [
            f"{column}={'<measured>' if column.startswith(MEASURED_COLUMNS) else text(cell)}"
            for column, cell in cells
            if cell not in ("n/a", "")
        ]
        lines[f"row {place}"] = " | ".join(told)
    return lines


def _arrays(content: bytes) -> Summary:
    lines: Summary = {}
    with np.load(BytesIO(content)) as archive:
        for name in archive.files:
            data = archive[name]
            lines |= {f"{name} {k}": v for k, v in _coarse(data).items()}
            lines[f"{name} type"] = f"{data.dtype} {data.shape}"
    return lines


def _picture(content: bytes) -> Summary:
    with Image.open(BytesIO(content)) as opened:
        lines = {"size": f"{opened.width} x {opened.height} {opened.mode}"}
        pixels = np.asarray(opened.convert("RGB"), np.float64) / GREY_LEVELS
    rows = _block_means(pixels, (PICTURE_BLOCKS, PICTURE_BLOCKS))
    names = zip(("red", "green", "blue"), np.moveaxis(rows, -1, 0), strict=True)
    return lines | {name: _numbers(values) for name, values in names}


def _page(path: Path, text: Text) -> Summary:
    """A digest of the visible words below each heading, and of the scripts."""
    content = path.read_text(encoding="utf-8")
    scripts = re.findall(r"<script\b.*?</script>", content, re.DOTALL)
    lines = {"scripts": _digest("".join(scripts).encode())}
    body = re.sub(r"<(script|style)\b.*?</\1>", "", content, flags=re.DOTALL)
    links = sorted(set(re.findall(r"(?:src|href|data-src)=\"([^\"]*)\"", body)))
    lines["links"] = text(" ".join(links))
    for part in re.split(r"(?=<h[1-4])", body)[1:]:
        heading, _, rest = part.partition("</h")
        title = text(_words(heading))
        words = re.sub(r"\d+\.\d+", "#", text(_words(rest.partition(">")[2])))
        if title != TIMES:
            lines[f"part {title}"] = f"{len(words.split())} words {_digest(words.encode())}"
    return lines


def _words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def _script(path: Path, text: Text) -> Summary:
    """Images that a script of volumes carries, else a digest of it."""
    content = path.read_text(encoding="utf-8")
    volumes = re.findall(r"\"(\w+)\": \"(H4s[^\"]+)\"", content)
    lines: Summary = {}
    for name, encoded in volumes:
        content = content.replace(encoded, "")
        told = _volume(encoded, coarse=name == "image")
        lines |= {f"{name} {key}": value for key, value in told.items()}
    return lines | {"rest": _digest(text(content).encode())}


@cache
def _volume(encoded: str, *, coarse: bool) -> Summary:
    image = nib.Nifti1Image.from_bytes(gzip.decompress(b64decode(encoded)))
    return image_summary(image, coarse=coarse)


def _lines(path: Path, text: Text) -> Summary:
    """Short texts line by line, others as a digest."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > LONG_TEXT:
        return {"digest": _digest("\n".join(map(text, lines)).encode())}
    return {f"line {place}": _short(text(line)) for place, line in enumerate(lines)}
