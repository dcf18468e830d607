"""What a result depends on: the record that a sidecar keeps, and how two records differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spineps_nipype.models.package import Package
from spineps_nipype.models.spineps_packages import licence_of

from .recipe import Phase, Recipe

NO_MODEL: Final = "none"
"""Id and digest of a network that is deliberately not used."""
NO_FILE: Final = "none"
"""Digest that settings record in place of that of a file that is not given."""
UNKNOWN_MODEL: Final[Mapping[str, str]] = {"id": "an unknown model", "digest": ""}


Models = Mapping[str, Package | None]
"""Networks by kind; None where the user goes without one. Kinds that a scan has no use for are
absent."""


@dataclass(frozen=True)
class Provenance:
    """How the results of one scan are made.

    Parameters
    ----------
    recipe
        Phases of the system.
    settings
        All settings by the names that the recipe uses, the engine among them as it computes.
    models
        Networks by kind.
    corrections
        Digests of what a reader corrected, by kind.
    """

    recipe: Recipe
    settings: Mapping[str, Any]
    models: Models
    corrections: Mapping[str, str] = field(default_factory=dict)

    def given(self, phase: str) -> dict[str, str]:
        """Corrections that a phase depends on."""
        kinds = {k for p in self.recipe.upstream(phase) for k in (p.replaced_by, *p.takes)}
        return {kind: digest for kind, digest in self.corrections.items() if kind in kinds}

    def record(self, phase: str) -> dict[str, Any]:
        """Everything but the input that decides about the results of a phase.

        Settings and networks of phases that a correction replaces do not count.
        """
        given = self.given(phase)
        record = {"Phase": phase, **self._made_by(self.recipe.upstream(phase), given)}
        return {**record, "Corrections": given} if given else record

    def own_record(self, phase: str) -> dict[str, Any]:
        """What decides about the results of a phase beside the files that it reads."""
        return self._made_by((self.recipe[phase],), ())

    def _made_by(self, phases: Sequence[Phase], given: Collection[str]) -> dict[str, Any]:
        made = [p for p in phases if p.name not in self.recipe.replaced(given)]
        names = dict.fromkeys(name for p in made for name in p.settings)
        kinds = dict.fromkeys(k for p in made for k in p.models if k in self.models)
        return {
            "Algorithm": {p.name: p.algorithm for p in phases},
            "Settings": _groups_first({name: self.settings[name] for name in names}),
            "Models": {kind: model_entry(self.models[kind]) for kind in kinds},
        }


def model_entry(package: Package | None) -> dict[str, str]:
    """What a record says of a network."""
    if package is None:
        return {"id": NO_MODEL, "digest": NO_MODEL}
    return {"id": package.id, "digest": package.digest, "licence": licence_of(package)}


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any], recipe: Recipe) -> list[str]:
    """Say in words how the record of a stored result differs from the one wanted now.

    Parameters
    ----------
    stored, wanted
        Records, each with an entry ``Inputs`` (digest of each file read). A result of another
        phase that is missing on either side is not compared; an input of the recipe is.
    recipe
        Has the words.

    Returns
    -------
    list of str
        One phrase for each difference, empty if the result can be kept.
    """
    return [
        *_other_inputs(stored.get("Inputs", {}), wanted.get("Inputs", {}), recipe),
        *_other_corrections(stored.get("Corrections", {}), wanted.get("Corrections", {}), recipe),
        *_other_models(_counted(stored, wanted, recipe), wanted["Models"]),
        *_other_settings(_flat(stored.get("Settings", {})), _flat(wanted["Settings"])),
        *(
            f"made by another version of the {phase} phase"
            for phase, number in wanted["Algorithm"].items()
            if stored.get("Algorithm", {}).get(phase) != number
        ),
    ]


def _other_inputs(
    stored: Mapping[str, str], wanted: Mapping[str, str], recipe: Recipe
) -> list[str]:
    found = []
    for name in dict.fromkeys((*wanted, *stored)):
        was, now = stored.get(name), wanted.get(name)
        if was == now:
            continue
        words = recipe.in_words(name)
        if was is not None and now is not None:
            found.append(f"made from another {words}")
        elif name in recipe.inputs:
            found.append(f"made with{'out' if was is None else ''} {words}")
    return found


def _other_corrections(
    stored: Mapping[str, str], wanted: Mapping[str, str], recipe: Recipe
) -> list[str]:
    found = []
    for kind, words in recipe.corrections.items():
        was, now = stored.get(kind), wanted.get(kind)
        if was == now:
            continue
        both = was is not None and now is not None
        without = "out" if was is None else ""
        found.append(f"made with{without} {'another' if both else 'a'} {words}")
    return found


def _counted(
    stored: Mapping[str, Any], wanted: Mapping[str, Any], recipe: Recipe
) -> dict[str, Mapping[str, str]]:
    """Networks of a stored record but for those that a correction, or the recipe, leaves out."""
    replaced = recipe.replaced(wanted.get("Corrections", {}))
    kinds = {kind for p in recipe.phases if p.name not in replaced for kind in p.models}
    return {kind: m for kind, m in stored.get("Models", {}).items() if kind in kinds}


def _other_models(
    stored: Mapping[str, Mapping[str, str]], wanted: Mapping[str, Mapping[str, str]]
) -> list[str]:
    found = []
    for kind in dict.fromkeys((*wanted, *stored)):
        now = wanted.get(kind, model_entry(None))
        was = stored.get(kind, UNKNOWN_MODEL)
        if was["digest"] != now["digest"]:
            found.append(f"{kind} model was {_model_words(was)}, is {_model_words(now)}")
    return found


def _other_settings(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} was {was}, is {value}"
        for name, value in wanted.items()
        if (was := stored.get(name, "not recorded")) != value
    ]


def _model_words(entry: Mapping[str, str]) -> str:
    return entry["id"] if entry["id"] == NO_MODEL else f"{entry['id']} ({entry['digest'][:8]})"


def _groups_first(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Groups of settings before single ones, so that records read like configuration files."""
    return dict(sorted(settings.items(), key=lambda item: not isinstance(item[1], Mapping)))


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{key}": _plain(v) for key, v in value.items()})
        else:
            flat[name] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    """A value as it comes back from JSON."""
    return list(value) if isinstance(value, tuple) else value
