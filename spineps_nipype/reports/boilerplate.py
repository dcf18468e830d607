"""Text for a methods section: what was done, with which models, and what to cite."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from .. import __version__

if TYPE_CHECKING:
    from ..spineps.settings import PipelineSettings

NOTICE: Final = (
    "*The text above was made by spineps-nipype and may be copied without change (CC0). It names "
    "the models and steps that were used.*"
)
EMBEDDED_PREFIX: Final = "compact_"
_KEY: Final = re.compile(r"@(\w+)")


@dataclass(frozen=True)
class Methods:
    """What the methods text depends on.

    Parameters
    ----------
    models
        Ids of the models used, by kind: semantic, instance, labeling.
    settings
        Options of the phases.
    scans
        Number of scans, by modality.
    versions
        Versions of the programs, by name.
    corrected, named
        Number of scans with masks that a reader corrected, and with names that a reader fixed.
    bias_corrected, cropped
        Whether any scan was corrected for bias (MR only), or cropped with VIBESeg.
    """

    models: Mapping[str, Sequence[str]]
    settings: PipelineSettings
    scans: Mapping[str, int]
    versions: Mapping[str, str]
    corrected: int = 0
    named: int = 0
    bias_corrected: bool = True
    cropped: bool = False


def methods_text(methods: Methods) -> str:
    """Methods section in Markdown, with citations ``[@key]`` and the list of references."""
    text = "\n\n".join(_paragraphs(methods))
    keys = list(dict.fromkeys(_KEY.findall(text)))
    references = "\n".join(f"- [@{key}] {_reference(key)}" for key in keys)
    return f"# Methods\n\n{text}\n\n## References\n\n{references}\n\n{NOTICE}\n"


def system_text(
    system: str, version: str, scans: int, networks: Mapping[str, str], source: str
) -> str:
    """Methods section in Markdown for scans of a system other than SPINEPS.

    Parameters
    ----------
    system, version
        Name of the system, and version of this package.
    scans
        Number of scans.
    networks
        Ids of its networks by kind.
    source
        What users of its results should acknowledge.
    """
    listed = ", ".join(f"{kind} {name}" for kind, name in networks.items())
    used = f" (networks: {listed})" if listed else ""
    were = "scan was" if scans == 1 else "scans were"
    return (
        f"# Methods\n\n{scans} {were} processed with {system} as implemented in "
        f"spineps-nipype {version}{used}.\n\n## References\n\n- {source}\n"
    )


def bibliography() -> str:
    """All references as BibTeX."""
    return (files("spineps_nipype") / "data" / "boilerplate.bib").read_text("utf-8")


def _paragraphs(methods: Methods) -> list[str]:
    """Paragraphs of the methods section."""
    parts = [_scans(methods), " ".join(_steps(methods)), _corrections(methods)]
    numerics, *rules = methods.settings.numerics.split(",")
    if numerics != "corrected":
        parts.append(f"The numerics of {numerics} were kept.")
    if rules:
        words = ", ".join(rules).replace("_", " ")
        parts.append(f"In these points the faults of the original were kept: {words}.")
    used = [name for kind in methods.models.values() for name in kind]
    if any(name.startswith(EMBEDDED_PREFIX) for name in used):
        parts.append(
            "The compact networks were trained on synthetic spines and on scans of the SPIDER "
            "training set [@spider]; they are not the released SPINEPS weights."
        )
    return [part for part in parts if part]


def _scans(methods: Methods) -> str:
    """Sentence about the scans and the programs."""
    scans = " and ".join(f"{n} {kind}" for kind, n in sorted(methods.scans.items()))
    one = sum(methods.scans.values()) == 1
    return (
        f"The {scans} scan{'' if one else 's'} of the dataset [@bids] {'was' if one else 'were'} "
        f"segmented with spineps-nipype {methods.versions.get('spineps-nipype', __version__)}, "
        f"which implements SPINEPS [@spineps] on Nipype {methods.versions.get('nipype', '')} "
        "[@nipype]. Every scan stands by itself."
    )


def _steps(methods: Methods) -> Iterator[str]:
    """Yield a sentence for each phase."""
    settings = methods.settings
    if methods.cropped:
        yield "The image was cropped to the spine where it was large (VIBESeg)."
    if methods.bias_corrected and settings.preprocess.proc_sem_n4_bias_correction:
        yield "Intensity non-uniformity was corrected (N4) [@n4]."
    yield (
        f"Fourteen structures of the spine were segmented with an nnU-Net [@nnunet] "
        f"({_listed(methods.models.get('semantic', ()))})."
    )
    yield (
        "Single vertebrae were told apart by a second network that sees each vertebral body with "
        f"its neighbours ({_listed(methods.models.get('instance', ()))})."
    )
    yield "Both masks were brought to the grid of the scan and made to agree."
    labeling = [name for name in methods.models.get("labeling", ()) if name != "none"]
    if labeling:
        yield (
            "Vertebrae were named by a classifier and the likeliest sequence of names "
            f"({_listed(labeling)})."
        )
    else:
        yield (
            "Vertebrae were counted from the top, beginning with "
            f"{settings.post.vertebra_instance_labeling_offset}; their anatomical names are not "
            "known."
        )


def _corrections(methods: Methods) -> str:
    """Sentences about the corrections of readers; empty if there are none."""
    sentences = []
    if methods.corrected:
        sentences.append(f"Masks of {methods.corrected} scan(s) were corrected by a reader.")
    if methods.named:
        sentences.append(f"Names of vertebrae in {methods.named} scan(s) were fixed by a reader.")
    return " ".join(sentences)


def _listed(names: Sequence[str]) -> str:
    """Names of models as a part of a sentence."""
    return f"model {', '.join(names)}" if names else "no model"


def _reference(key: str) -> str:
    """Entry of the bibliography as one line of text."""
    entry = re.search(rf"@\w+{{{key},(.*?)\n}}", bibliography(), re.DOTALL)
    if entry is None:
        raise KeyError(key)
    fields = dict(re.findall(r"(\w+) = {(.*)}", entry[1]))
    authors = fields["author"].split(" and ")
    first = authors[0].split(",")[0] + (" et al" if len(authors) > 1 else "")
    title = re.sub(r"[{}]", "", fields["title"])
    return f"{first}. {title}. {fields['journal']} {fields['year']}. doi:{fields['doi']}"
