"""What the values of a truth mask mean: label sets, how they are recognised, and those of a file.

A file with label sets is TOML or JSON, a table for each set; `truth` are values of the mask,
`result` labels of the structure mask of the pipeline; lists may hold ranges::

    [my_vertebrae]
    files = "*_seg-vertebrae_*"             # which masks; all if left out
    vertebrae = ["1-24"]                    # each value is one vertebra
    levels = { 1 = "L5", 2 = "L4" }         # names of vertebrae, where they are known
    [my_vertebrae.structures]
    vertebra = { truth = ["1-24"], result = ["41-51"] }
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core import anatomy
from spineps_nipype.errors import InputError

Groups = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""Name of a structure to the values of the truth that mean it, and the labels of the result."""
PARTS: Final = tuple(anatomy.VERTEBRA_PARTS)
VERTEBRAE: Final = (*range(1, 26), anatomy.T13)
"""C1 to L6 and T13; the sacrum and the coccyx are no single vertebrae."""
INSTANCE_DISCS: Final = 200
"""A disc with a number of its own has this more as its value, as in the published SPIDER masks."""
ENDPLATES: Final = (anatomy.ENDPLATE_SUPERIOR, anatomy.ENDPLATE_INFERIOR, anatomy.ENDPLATE)


@dataclass(frozen=True)
class LabelSet:
    """Meaning of the values of a mask.

    Parameters
    ----------
    structures
        Name to the values of the mask, and the labels of the result's structure mask.
    vertebrae, discs
        Values each of which is one vertebra, one disc.
    partial
        Values of vertebrae that are partly in view: they need not be found.
    bodies, canal
        Values that join all vertebral bodies; their connected parts are counted. With `canal`
        only what lies in front of those values is body.
    joined_discs
        Values that join all discs; their connected parts are counted.
    levels
        Names of vertebra values, where the values say the level.
    files
        Pattern of the file names.
    needs
        At least one of these values must be there; empty for any value of the set.
    """

    name: str
    structures: Groups
    vertebrae: tuple[int, ...] = ()
    discs: tuple[int, ...] = ()
    partial: tuple[int, ...] = ()
    bodies: tuple[int, ...] = ()
    canal: tuple[int, ...] = ()
    joined_discs: tuple[int, ...] = ()
    levels: Mapping[int, str] = field(default_factory=dict)
    files: str = "*"
    needs: frozenset[int] = frozenset()
    bodies_only: bool = False
    """Whether the values of vertebrae mark their bodies alone."""
    complete: bool = True
    """Whether a mask with other values is none of this set."""
    further: frozenset[int] = frozenset()
    """Values that say nothing here."""

    @property
    def values(self) -> frozenset[int]:
        """All values that mean something."""
        lists = [values for values, _ in self.structures.values()]
        lists += [self.vertebrae, self.discs, self.partial, self.bodies, self.joined_discs]
        return frozenset(value for values in lists for value in values)

    def fits(self, present: Collection[int], file_name: str) -> bool:
        """Whether a mask with these values (without 0) can be of this set."""
        known = self.values
        some = bool((self.needs or known).intersection(present))
        return (
            some
            and fnmatch(file_name, self.files)
            and (not self.complete or (known | self.further).issuperset(present))
        )


def _shifted(values: Iterable[int], offset: int) -> tuple[int, ...]:
    return tuple(offset + value for value in values)


_DISC_VALUES: Final = _shifted(VERTEBRAE, anatomy.DISC_OFFSET)
_ENDPLATE_VALUES: Final = _shifted(VERTEBRAE, anatomy.ENDPLATE_OFFSET)
_SPIDER_STRUCTURES: Final[Groups] = {
    "vertebra": ((1,), (*range(anatomy.ARCUS, anatomy.CORPUS_BORDER + 1), anatomy.CORPUS)),
    "disc": ((2,), (anatomy.DISC,)),
    "canal": ((3,), (anatomy.CORD, anatomy.CANAL)),
}
_SINGLE: Final[Groups] = {
    **{anatomy.SPINE_NAMES[label]: ((label,), (label,)) for label in anatomy.MR_LABELS},
    # masks differ in where the border of a body ends
    anatomy.SPINE_NAMES[anatomy.CORPUS_BORDER]: (
        (anatomy.CORPUS_BORDER, anatomy.CORPUS),
        (anatomy.CORPUS_BORDER, anatomy.CORPUS),
    ),
}
_JOINED: Final[Groups] = {
    "vertebra": (PARTS, PARTS),
    "canal and cord": ((anatomy.CORD, anatomy.CANAL),) * 2,
}
_FURTHER: Final[Groups] = {
    anatomy.SPINE_NAMES[label]: ((label,), (label,))
    for label in (anatomy.DENS, anatomy.ENDPLATE_SUPERIOR, anatomy.ENDPLATE_INFERIOR)
}

SPIDER: Final = LabelSet(
    "spider",
    _SPIDER_STRUCTURES,
    bodies=_SPIDER_STRUCTURES["vertebra"][0],
    canal=_SPIDER_STRUCTURES["canal"][0],
    joined_discs=_SPIDER_STRUCTURES["disc"][0],
)
"""Vertebrae, discs and canal, each joined in one value."""
SPIDER_INSTANCES: Final = LabelSet(
    "spider-instances",
    {
        "vertebra": ((*range(1, 26), *range(101, 126)), _SPIDER_STRUCTURES["vertebra"][1]),
        "disc": (_shifted(range(1, 26), INSTANCE_DISCS), _SPIDER_STRUCTURES["disc"][1]),
        "canal": ((100,), _SPIDER_STRUCTURES["canal"][1]),
    },
    vertebrae=tuple(range(1, 26)),
    discs=_shifted(range(1, 26), INSTANCE_DISCS),
    partial=tuple(range(101, 126)),
    needs=frozenset({100}),
)
"""The published SPIDER masks: vertebrae count from the bottom, which tells no level."""
SPINEPS_SPINE: Final = LabelSet(
    "spineps-spine",
    {**_JOINED, **_SINGLE, **_FURTHER},
    bodies=anatomy.BODY_PARTS,
    joined_discs=(anatomy.DISC,),
    needs=frozenset((*PARTS, *ENDPLATES, anatomy.CORD, anatomy.CANAL, anatomy.DISC)),
)
"""Structures of SPINEPS and TPTBox."""
SPINEPS_VERT: Final = LabelSet(
    "spineps-vert",
    {
        "vertebra": (VERTEBRAE, PARTS),
        "disc": (_DISC_VALUES, (anatomy.DISC,)),
        "endplate": (_ENDPLATE_VALUES, ENDPLATES),
        "sacrum": ((anatomy.SACRUM, 27, *range(29, 34)), (anatomy.SACRUM,)),
    },
    vertebrae=VERTEBRAE,
    discs=_DISC_VALUES,
    levels={label: anatomy.VERTEBRA_NAMES[label] for label in VERTEBRAE},
    needs=frozenset((*_DISC_VALUES, *_ENDPLATE_VALUES)),
)
"""Vertebrae of SPINEPS and TPTBox, with discs and endplates."""
VERSE: Final = LabelSet(
    "verse",
    {key: SPINEPS_VERT.structures[key] for key in ("vertebra", "sacrum")},
    vertebrae=VERTEBRAE,
    levels=SPINEPS_VERT.levels,
)
"""Vertebrae alone: 1 to 24 are C1 to L5, 25 is L6, 28 is T13."""
LEVELS: Final = LabelSet(
    "levels",
    {},
    vertebrae=VERTEBRAE,
    discs=_DISC_VALUES,
    levels=SPINEPS_VERT.levels,
    needs=frozenset({*VERTEBRAE, *_DISC_VALUES}),
    further=frozenset({anatomy.CANAL}),
)
"""Vertebrae and discs by name beside a canal; another mask of the scan shows the structures."""
BODIES: Final = LabelSet(
    "bodies",
    {"body": (VERTEBRAE, anatomy.BODY_PARTS)},
    vertebrae=VERTEBRAE,
    levels=SPINEPS_VERT.levels,
    bodies_only=True,
)
"""Vertebral bodies without arches, by the same numbers; no value tells them from `VERSE`."""
NAMED, NUMBERED = "desc-named", "desc-numbered"
"""In the names of masks that `damaged_dataset` writes."""
NAMED_INSTANCES: Final = LabelSet(
    "named-instances",
    {},
    vertebrae=VERTEBRAE,
    discs=_shifted(VERTEBRAE, INSTANCE_DISCS),
    levels=SPINEPS_VERT.levels,
    files=f"*_{NAMED}_*",
    bodies_only=True,
)
"""Bodies by name, and discs by number, beside a mask that joins all vertebrae and all discs."""
NUMBERED_INSTANCES: Final = replace(
    NAMED_INSTANCES, name="numbered-instances", levels={}, files=f"*_{NUMBERED}_*"
)
"""The same with bodies by number, where their names are not known."""
_INSTANCES: Final = (NAMED_INSTANCES, NUMBERED_INSTANCES)

FAMILIES: Final[Mapping[str, tuple[LabelSet, ...]]] = {
    # if the set is named, masks without a canal are SPIDER's too
    "spider": (*_INSTANCES, SPIDER, replace(SPIDER_INSTANCES, needs=frozenset())),
    "spineps": (SPINEPS_SPINE, SPINEPS_VERT, VERSE),
    "verse": (VERSE,),
    "bodies": (BODIES,),
    # slices of SPIDER have a mask of structures and one of levels
    "slices": (SPIDER, LEVELS),
    "auto": (*_INSTANCES, SPIDER, SPIDER_INSTANCES, SPINEPS_SPINE, SPINEPS_VERT, VERSE),
}


def choose_set(
    sets: Sequence[LabelSet], present: Collection[int], file_name: str, modality: str | None
) -> LabelSet | None:
    """First set that a mask fits, None if it fits none.

    Values 1 to 3 may be SPIDER's structures or three cervical vertebrae: masks called
    ``seg-vert`` and masks of CT are vertebrae where `sets` leave the choice.
    """
    values = frozenset(present) - {0}
    fitting = [s for s in sets if s.fits(values, file_name)]
    if {SPIDER.name, VERSE.name} <= {s.name for s in fitting} and (
        "seg-vert" in file_name or modality == "CT"
    ):
        fitting.remove(SPIDER)
    return fitting[0] if fitting else None


def find_sets(name: str) -> tuple[LabelSet, ...]:
    """Label sets for a word of the command line: a family, or a file with sets.

    Raises
    ------
    InputError
        If there is no such family or the file cannot be used.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        sets = tuple(_read_set(title, table) for title, table in content.items())
        if not sets:
            raise ValueError("it holds no set")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as fault:
        raise InputError(
            f"The label sets cannot be used: {type(fault).__name__}: {fault}.",
            file=path,
            remedy=f"Choose one of {', '.join(FAMILIES)}, or write a TOML or JSON file as shown "
            "in benchmarks/against_truth/label_sets.py.",
        ) from fault
    return sets


def _read_set(name: str, table: Mapping[str, Any]) -> LabelSet:
    lists = ("vertebrae", "discs", "partial", "bodies", "canal", "joined_discs")
    unknown = set(table) - {*lists, "structures", "levels", "files"}
    if unknown:
        raise ValueError(f"{name} has unknown entries: {', '.join(sorted(unknown))}")
    structures = {
        title: (_numbers(entry["truth"]), _numbers(entry["result"]))
        for title, entry in table.get("structures", {}).items()
    }
    values = {key: _numbers(table.get(key, [])) for key in lists}
    return LabelSet(
        name,
        structures,
        vertebrae=values["vertebrae"],
        discs=values["discs"],
        partial=values["partial"],
        bodies=values["bodies"],
        canal=values["canal"],
        joined_discs=values["joined_discs"],
        levels={int(value): str(level) for value, level in table.get("levels", {}).items()},
        files=str(table.get("files", "*")),
        complete=False,
    )


def _numbers(entries: Any) -> tuple[int, ...]:
    """Numbers of a list, a number or a range; ``"3-5"`` is 3, 4, 5."""
    if not isinstance(entries, list):
        entries = [entries]
    out: list[int] = []
    for entry in entries:
        low, _, high = str(entry).partition("-")
        out += range(int(low), int(high or low) + 1)
    return tuple(out)
