"""Rules that the traits of every interface keep."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from nipype.interfaces.base import BaseInterface, SimpleInterface, Undefined, traits
from nipype.interfaces.base import File as FileTrait

from spineps_nipype import interfaces
from spineps_nipype.settings import options_of
from spineps_nipype.spine_segmentation.settings import SpineSegmentationSettings
from spineps_nipype.spineps import settings

INTERFACES = [getattr(interfaces, name) for name in interfaces.__all__]
# Set by every process anew; none of them changes the bytes of a result.
UNHASHED = {"device", "num_threads", "use_gpu", "model_dir", "scout_dir"}
UNHASHED |= {"kept_file", "kept_image", "kept_channel", "after"}
UNHASHED |= {
    option.field.name
    for group in (settings.PipelineSettings, SpineSegmentationSettings)
    for option in options_of(group).values()
    if option.field.metadata["speed_only"]
}
# These may name a file that is absent: the interface itself reports that, with a remedy.
MAY_BE_ABSENT = {("Conform", "in_file")}
OPTIONAL = {
    *(("Consensus", name) for name in ("spineps_vert", "spineps_spine", "spine_segmentation")),
    *(("Consensus", name) for name in ("totalspineseg", "totalspineseg_step1")),
    ("ConvertLabels", "in_file"),
    ("ConvertLabels", "spine_file"),
    ("EPISegQC", "crop_file"),
    ("FixNames", "table"),
    ("MeasureSpine", "dice_model"),
    ("MeasureSpine", "evidence"),
    ("MeasureSpine", "labels_table"),
    ("MeasureSpine", "scan"),
    ("SemanticSegmentation", "scout_dir"),
    ("SpineSegmentation", "instance_model"),
    ("SpineSegmentation", "form_model"),
    ("SpineSegmentation", "corrected_semantic"),
    ("SpineSegmentation", "corrected_instances"),
    ("TSSNetwork2", "kept_file"),
    ("TSSPreview", "seg_file"),
    ("TSSRules1", "corrected"),
    ("TSSRules1", "localizer"),
    ("TSSRules2", "localizer"),
}
BASE_NAMES = {"trait_added", "trait_modified"}


def own_traits(spec: Any) -> dict[str, Any]:
    return {k: v for k, v in spec().traits(transient=None).items() if k not in BASE_NAMES}


def cases(side: str) -> list[Any]:
    return [
        pytest.param(face, name, trait, id=f"{face.__name__}.{name}")
        for face in INTERFACES
        for name, trait in own_traits(getattr(face, side)).items()
    ]


def test_all_interfaces_are_listed_in_order() -> None:
    assert interfaces.__all__ == sorted(interfaces.__all__)
    assert len(INTERFACES) == 33


@pytest.mark.parametrize("face", INTERFACES, ids=lambda f: f.__name__)
def test_class(face: type[BaseInterface]) -> None:
    assert issubclass(face, SimpleInterface)
    assert face.__doc__
    assert "run" not in vars(face)
    assert "_list_outputs" not in vars(face)


@pytest.mark.parametrize(("face", "name", "trait"), cases("input_spec"))
def test_input_trait(face: type, name: str, trait: Any) -> None:
    assert trait.desc
    assert trait.mandatory in (True, None)
    assert trait.usedefault in (True, None)
    value = getattr(face.input_spec(), name)
    assert value is not None
    if trait.usedefault:
        assert value is not Undefined
        assert not trait.mandatory
    else:
        assert value is Undefined
    assert bool(trait.nohash) == (name in UNHASHED)
    if trait.is_trait_type(FileTrait) and (face.__name__, name) not in MAY_BE_ABSENT:
        assert trait.trait_type.exists
        assert trait.mandatory or (face.__name__, name) in OPTIONAL


@pytest.mark.parametrize(("face", "name", "trait"), cases("output_spec"))
def test_output_trait(face: type, name: str, trait: Any) -> None:
    assert trait.desc
    if trait.is_trait_type(FileTrait):
        assert trait.trait_type.exists


@pytest.mark.parametrize(
    "face",
    [f for f in INTERFACES if hasattr(f.input_spec(), "model_dir")],
    ids=lambda f: f.__name__,
)
def test_network_interfaces_hash_the_digest_and_not_the_folder(face: type) -> None:
    traits_ = own_traits(face.input_spec)
    assert traits_["model_digest"].mandatory
    assert not traits_["model_digest"].nohash
    assert traits_["model_dir"].nohash
    assert traits_["use_gpu"].is_trait_type(traits.Bool)


GROUPS = {
    "SpineCrop": settings.CropSettings,
    "Preprocess": settings.PreprocessSettings,
    "SemanticSegmentation": settings.SemanticSettings,
    "InstanceSegmentation": settings.InstanceSettings,
    "PostProcess": settings.PostSettings,
    "LabelVertebrae": settings.LabelingSettings,
    "Centroids": settings.CentroidSettings,
}


@pytest.mark.parametrize(("name", "group"), GROUPS.items())
def test_options_have_the_defaults_of_the_settings(name: str, group: Any) -> None:
    from spineps_nipype.interfaces.settings_traits import read_settings, write_settings

    inputs = getattr(interfaces, name)().inputs
    for option in fields(group):
        stated = getattr(inputs, option.name)
        assert stated == (Undefined if option.default is None else option.default)
        assert inputs.trait(option.name).desc.startswith(option.metadata["help"])
    assert read_settings(inputs, group) == group()
    write_settings(inputs, group())
    assert read_settings(inputs, group) == group()


def test_words_are_limited_to_those_of_the_settings() -> None:
    inputs = interfaces.Centroids().inputs
    inputs.poi_points = "bodies"
    with pytest.raises(traits.TraitError):
        inputs.poi_points = "some"


def test_an_undefined_option_is_none_in_the_settings() -> None:
    from spineps_nipype.interfaces.settings_traits import read_settings, write_settings

    hints = get_type_hints(settings.SemanticSettings)
    assert type(None) in hints["tta"].__args__
    inputs = interfaces.SemanticSegmentation().inputs
    changed = settings.SemanticSettings(tta=False, proc_sem_step_size=0.25)
    write_settings(inputs, changed)
    assert inputs.tta is False
    assert read_settings(inputs, settings.SemanticSettings) == changed
