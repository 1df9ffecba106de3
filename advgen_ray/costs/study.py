"""A study is the sum of its parts, a search that of its trials."""

from advgen_ray.config import Config, SearchConfig, StudyConfig
from advgen_ray.stages.study import StudyPlan


def parts_of(config: Config) -> list[Config]:
    """The jobs that a job is made of, trainings first; of most that is the job itself.

    A study's are all but explorer and report, which evaluate no network. A search's are whole trials: what a scheduler
    stops early is not taken off, and what is drawn is as costly as the base.
    """
    if isinstance(config, SearchConfig):
        drawn: list[dict[str, object]] = [{}] * config.size
        trials = config.given() if config.drawn == "none" else drawn
        place = f"output={config.output.rstrip('/')}/trials"
        return [config.trial_config(one).override([f"{place}/{number}"]) for number, one in enumerate(trials)]
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
