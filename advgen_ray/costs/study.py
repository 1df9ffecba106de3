"""A study is the sum of its parts."""

from advgen_ray.config import Config, StudyConfig
from advgen_ray.stages.study import StudyPlan


def parts_of(config: Config) -> list[Config]:
    """A study's jobs but for explorer and report, which evaluate no network, trainings first; any other job itself."""
    if not isinstance(config, StudyConfig):
        return [config]
    plan = StudyPlan(config)
    view, binary = plan.view, plan.binary
    return [
        *plan.trainings,
        plan.score_model,
        *([binary.detectors] if binary else []),
        *plan.counterfactuals,
        *plan.by_classifiers.chains,
        plan.energies,
        *([view.attacked, view.detectors, view.images] if view else []),
        *([binary.evaluation, binary.synthesis, binary.robustness] if binary else []),
    ]
