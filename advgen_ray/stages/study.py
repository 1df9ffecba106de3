"""The whole study, stage after stage: classifiers, judge, score model, CE sets, energies, explorer, report."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from advgen_ray.config import (
    Config,
    CounterfactualsConfig,
    ExploreCounterfactualsConfig,
    NeighborhoodConfig,
    PoolConfig,
    ReportConfig,
    StudyConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
)
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.cluster import connect
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.stages import (
    binary,
    binary_view,
    classifier,
    classifier_view,
    counterfactuals,
    energies,
    energy_view,
    explorer,
    one_vs_rest,
    report,
    score_model,
)
from advgen_ray.stages.outcome import PAGE, SUMMARY, tracked_job
from advgen_ray.stages.stage_clock import StageClock
from advgen_ray.stages.study_inputs import check_inputs
from advgen_ray.stages.tracked_training import run_tracked
from advgen_ray.stages.training import TrainingConfig, check_data
from advgen_ray.storage.filesystem import ensure_writable, join
from advgen_ray.training.loop import Record

VARIANTS = ("gaussian", "boltzmann_hardtanh", "boltzmann_exact", "bounded")


def run(config: StudyConfig) -> dict[str, Any]:
    """Every stage in turn under one tracked parent run; finished stages are reused, a killed one continues.

    Stages that ask for the same pool of actors have their result sets made in one, twice: those that models make, then
    those made of these. What is left to each stage is to record and show its own.
    Raises UserError, before any training, for what a later stage would refuse.
    """
    plan = StudyPlan(config)
    check_inputs(config)
    ensure_writable(config.output)
    view = energy_view.stages_of(plan.view) if plan.view else []
    more = bool(plan.by_classifiers.chains) + len(view) + bool(plan.binary)
    clock = StageClock(config.output, num_stages=7 + more)
    with tracked_job("study", config):
        connect()  # while the tracker starts in its own thread
        clock.run("trainings", plan.train)
        if plan.binary:
            one_vs_rest.together(plan.binary.detectors)  # which makes counterfactuals as the classifiers do
        clock.run("what models make", lambda: _make(plan.made_by_models(), plan.counterfactuals))
        clock.run("counterfactuals", lambda: counterfactuals.run_all(plan.counterfactuals))
        chains = plan.by_classifiers.chains  # whose sources are made now
        clock.run("what is made of that", lambda: _make(plan.made_of_sets(), chains))
        if chains:
            clock.run("chains", lambda: counterfactuals.run_all(chains))
        clock.run("energies", lambda: energies.run(plan.energies))
        for name, stage in view:
            clock.run(name, stage)
        if binary_plan := plan.binary:
            clock.run("detectors of one class", lambda: binary_view.run(binary_plan))
        clock.run("explorer", lambda: explorer.run(plan.explorer))
        clock.run("report", lambda: report.run(plan.report, elapsed_seconds=clock.seconds))
    names = {"report": PAGE, "explorer": explorer.PAGE, "summary": SUMMARY}
    if plan.binary:
        names["binary"] = binary_view.PAGE
    return {page: join(config.output, name) for page, name in names.items()}


def planned(config: StudyConfig) -> dict[str, Any]:
    """What a dry run says: how much there is of what takes long; raises UserError for parts that do not go together."""
    plan = StudyPlan(config)
    of_detectors = len(one_vs_rest.trainings_of(plan.binary.detectors)) if plan.binary else 0
    return {
        "trainings": len(plan.trainings) + 1 + of_detectors,
        "sets_of_counterfactuals": len(plan.counterfactuals) + len(plan.by_classifiers.chains),
    }


class StudyPlan:
    """The stage configs a study consists of, each with its place under the study's output."""

    def __init__(self, config: StudyConfig) -> None:
        root = config.output.rstrip("/")
        self.classifiers = [config.classifier_at(eps, f"{root}/classifiers/eps-{eps}") for eps in config.eps]
        self.judge = config.classifier_at(0.0, f"{root}/classifiers/judge", seed=config.judge_seed)
        self.score_model = config.score_model.changed(data=config.data, output=f"{root}/score_model")
        base = config.counterfactuals.changed(data=config.data, score_model=f"{root}/score_model/model")
        sets = f"{root}/counterfactuals"
        self.main = base.changed(output=f"{sets}/main")
        self.variants = [
            base.changed(
                num_sources=config.variant_sources,
                neighborhood=NeighborhoodConfig(kind=kind, sigma_ce=base.neighborhood.sigma_ce),
                output=f"{sets}/variant-{kind}",
            )
            for kind in VARIANTS
            if kind != base.neighborhood.kind  # the main set holds that one already
        ]
        self.held_out = base.changed(split="test", num_sources=config.held_out_sources, output=f"{sets}/held-out")
        classifiers = tuple(f"{c.output}/model" for c in [*self.classifiers, self.judge])
        self.by_classifiers = classifier_view.plan_of(config, base, root)
        compared = tuple(one.output for one in (self.main, *self.variants, *self.by_classifiers.sets))
        self.energies = config.energies.changed(
            data=config.data,
            classifiers=classifiers,
            counterfactuals=compared,
            output=f"{root}/energies",
        )
        self.view = energy_view.plan_of(config, root)
        self.binary = binary_view.plan_of(config, root)
        self.report = ReportConfig(
            data=config.data,
            classifiers=classifiers[:-1],
            judge=classifiers[-1],
            score_model=base.score_model,
            counterfactuals=self.main.output,
            variants=compared,
            chains=tuple(one.output for one in self.by_classifiers.chains),
            held_out=self.held_out.output,
            energies=self.energies.output,
            attacked=self.view.attacked.output if self.view else "",
            detectors=self.view.detectors.output if self.view else "",
            images=self.view.images.output if self.view else "",
            recorded=self.view.recorded.output if self.view else "",
            explorer=explorer.PAGE,
            binary=binary_view.PAGE if self.binary else "",
            output=root,
        )
        self.explorer = ExploreCounterfactualsConfig(
            data=config.data,
            counterfactuals=self.main.output,
            energies=self.energies.output,
            judge="judge",
            report=PAGE,
            output=root,
        )

    @property
    def trainings(self) -> list[TrainClassifierConfig]:
        """Every classifier of the study, for one group of workers."""
        return [*self.classifiers, self.judge, *([self.view.recorded] if self.view else [])]

    def train(self) -> None:
        """Train every model: by shared groups of workers, which cost as much to start as a small model to train."""
        configs: list[TrainingConfig] = [*self.trainings, self.score_model]
        counts = check_data(configs)[:-1]
        tasks = [*map(classifier.task_of, self.trainings, counts), score_model.task_of(self.score_model)]
        of_detectors = one_vs_rest.trainings_of(self.binary.detectors) if self.binary else []
        tasks += map(binary.task_of, of_detectors)
        for workers, group in groupby(zip([*configs, *of_detectors], tasks, strict=True), lambda pair: pair[0].workers):
            run_tracked([task for _, task in group], workers, _describe)

    def made_by_models(self) -> list[tuple[PoolConfig, Map]]:
        """The sets that trained models and images are enough for, and the pools they ask for."""
        maps = [(self.main.pool, counterfactuals.map_of(one)) for one in self.counterfactuals]
        maps += energy_view.maps_of(self.view) if self.view else []
        return maps + (binary_view.maps_of(self.binary) if self.binary else [])

    def made_of_sets(self) -> list[tuple[PoolConfig, Map]]:
        """The sets that those are read for."""
        maps = [(self.main.pool, counterfactuals.map_of(one)) for one in self.by_classifiers.chains]
        return [*maps, (self.energies.pool, energies.map_of(self.energies))]

    @property
    def counterfactuals(self) -> list[CounterfactualsConfig]:
        """Every CE set of the study that is made of images, the main one first."""
        return [self.main, *self.variants, self.held_out, *self.by_classifiers.sets]


def _make(maps: Sequence[tuple[PoolConfig, Map]], recorded: Sequence[CounterfactualsConfig]) -> None:
    """All sets, those that ask for the same pool in one: a pool takes seconds to start.

    Where rows could not be made the study ends here, with a run for each of ``recorded`` that is whole.
    """
    with counterfactuals.recorded_if_incomplete(recorded):
        for pool in dict.fromkeys(pool for pool, _ in maps):
            run_maps("study", [one for asked, one in maps if asked == pool], pool)


def _describe(config: Config, record: Record) -> str:
    if isinstance(config, TrainClassifierConfig):
        return classifier.describe(config, record)
    if isinstance(config, TrainBinaryConfig):
        return binary.describe(config, record)
    assert isinstance(config, TrainScoreModelConfig)
    return score_model.describe(config, record)
