"""The detectors of an evaluation of OOD detection: models that have the score asked for, and their outliers."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from advgen_ray.config import Config
from advgen_ray.config.image_sources import OutliersSourceConfig, parts_of
from advgen_ray.config.ood import EvaluateOODConfig, OODDetectorConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed.ood_rows import OODDetector
from advgen_ray.errors import UserError
from advgen_ray.stages.detector_inputs import check_last_hidden
from advgen_ray.stages.inputs import is_binary, load_any_model, load_classifier
from advgen_ray.training.model_directory import LoadedModel

SOURCE: TypeAdapter[Any] = TypeAdapter(OutliersSourceConfig)


@dataclass(frozen=True)
class Checked:
    """A detector, and the names of the sets whose source its model was trained to tell from the data."""

    detector: OODDetector
    trained_on: frozenset[str]


def check_detector(one: OODDetectorConfig, config: EvaluateOODConfig) -> Checked:
    """Load and look; raises UserError for a model that is missing, of other images, or without the score."""
    loaded = _binary(one, config) if one.detection_score == "binary_logit" else load_classifier(one.model, config.data)
    if one.detection_score == "mahalanobis":
        image_shape = dataset_info(config.data.name, config.data.root).image_shape
        what, cure = f"detectors: {one.name!r}: {one.model}", "take detection_score energy, max_logit or msp"
        check_last_hidden(loaded.model, image_shape, what, cure)
    sources = _sources(loaded.card.get("training") or {})
    seen = [item.name for item in config.sets if any(_same(item.source, source) for source in sources)]
    return Checked(OODDetector(one.name, one.model, one.detection_score, loaded.digest), frozenset(seen))


def _binary(one: OODDetectorConfig, config: EvaluateOODConfig) -> LoadedModel:
    loaded = load_any_model(one.model, config.data)
    if not is_binary(loaded.card):
        raise UserError(
            f"detectors: {one.name!r}: {one.model} is no binary model, of one logit; take energy, max_logit or msp"
        )
    return loaded


def _sources(training: dict[str, Any]) -> list[Config]:
    """What a model was trained to tell from the data: p0 of binary AT, the outliers of outlier exposure."""
    told = training.get("p0") or (training.get("outliers") or {}).get("source")
    try:
        return parts_of(SOURCE.validate_python(told)) if told else []
    except ValidationError:  # other classes of the same data, which no set here is
        return []


def _same(one: Config, other: Config) -> bool:
    """Whether images come from the same place in the same way, however many."""
    return _place(one) == _place(other)


def _place(source: Config) -> dict[str, Any]:
    return {key: value for key, value in source.content().items() if key != "num_images"}
