"""The models of targeted synthesis, checked before any work starts: who makes, who judges, whose features tell."""

from collections.abc import Mapping

from advgen_ray.config import SynthesizeConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed.synthesis_rows import Synthesizer
from advgen_ray.errors import UserError
from advgen_ray.stages.detector_inputs import check_last_hidden
from advgen_ray.stages.inputs import is_binary, load_any_model, load_classifier, unique_names
from advgen_ray.storage.filesystem import local_copy
from advgen_ray.training.foreign_inception import load_fid_inception


def synthesizers_of(config: SynthesizeConfig) -> list[Synthesizer]:
    """The models whose logits are ascended; raises UserError for one that is missing or of other images."""
    names = unique_names(config.models, "models", depth=1)
    return [_synthesizer(name, uri, config) for name, uri in zip(names, config.models, strict=True)]


def _synthesizer(name: str, uri: str, config: SynthesizeConfig) -> Synthesizer:
    loaded = load_any_model(uri, config.data)
    class_index = loaded.card.get("training", {}).get("class_index") if is_binary(loaded.card) else None
    return Synthesizer(name, uri, loaded.digest, loaded.card["architecture"]["num_classes"], class_index)


def judge_digest(config: SynthesizeConfig, models: Mapping[str, str]) -> str:
    """Of the judge, empty where there is none; raises UserError for one of the ``models`` (digests by name)."""
    if not config.judge:
        return ""
    digest = load_classifier(config.judge, config.data).digest
    _took_no_part(f"judge {config.judge}", digest, models)
    return digest


def feature_digest(config: SynthesizeConfig, models: Mapping[str, str]) -> str:
    """Of the network whose features tell quality; raises UserError for one of the ``models``, or without such."""
    if config.inception:
        return load_fid_inception(local_copy(config.inception)).digest
    what = f"feature_classifier {config.feature_classifier}"
    loaded = load_classifier(config.feature_classifier, config.data)
    _took_no_part(what, loaded.digest, models)
    image_shape = dataset_info(config.data.name, config.data.root).image_shape
    check_last_hidden(loaded.model, image_shape, what, "give the model directory of a classifier of one network")
    return loaded.digest


def _took_no_part(what: str, digest: str, models: Mapping[str, str]) -> None:
    if same := [name for name, of_model in models.items() if of_model == digest]:
        raise UserError(f"{what}: the same model as {same[0]!r}, which makes images; give one that took no part")
