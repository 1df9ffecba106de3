"""What jobs would say that belong to several sections, or whose numbers have names of their own."""

from typing import Any

from advgen_ray.config import (
    CheckServiceConfig,
    Config,
    ExplainPredictionsConfig,
    GenerateConfig,
    SearchConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
)
from tests.catalogue.invented.dispatch import ACCURATE, name_of, summary_of


@summary_of.register
def _search(config: SearchConfig) -> dict[str, Any]:
    metrics = {objective.metric: 0.9 for objective in config.objectives}
    given = [{key: _named(config, key, value) for key, value in one.items()} | metrics for one in config.given()]
    change = {"mean": 0.1, "low": 0.05}
    return {
        "trials": {"finished": 3, "stopped": 1},
        "best": {"trial": "0", **dict.fromkeys(config.keys), **metrics},
        "effects": [{"key": key, "changes": dict.fromkeys(metrics, change)} for key in config.keys],
        "every_trial": [one | {"trial": str(number)} for number, one in enumerate(given)],
    }


def _named(config: SearchConfig, key: str, value: Any) -> Any:
    parameter = config.parameter(key)
    return parameter.told(value) if parameter else value


@summary_of.register
def _service(config: CheckServiceConfig) -> dict[str, Any]:
    return {"kept": {"config": 1, "model": 1}, "submitted": ACCURATE, "here": ACCURATE, "same_weights": True}


@summary_of.register
def _masks(config: ExplainPredictionsConfig) -> dict[str, Any]:
    return {"masks": [{"classifier": name_of(one), "baseline": "mean", "excess": 0.1} for one in config.classifiers]}


@summary_of.register(TrainClassifierConfig)
@summary_of.register(TrainBinaryConfig)
@summary_of.register(GenerateConfig)
def _flat(config: Config) -> dict[str, Any]:
    """Jobs whose numbers have names of their own, whatever the config."""
    numbers = ("data_probability", "out_probability", "accuracy", "count")
    sets = ("mean_l2_different_class", "mean_l2_same_class", "mean_l0")
    return ACCURATE | dict.fromkeys((*numbers, *sets), 0.5) | {"ended": "", "identity": "0"}
