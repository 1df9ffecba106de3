"""The binary view of a study: detectors of one class each, three jobs about them, and a page of their own."""

import json
from dataclasses import dataclass
from typing import Any

from advgen_ray.config import (
    CompareRobustnessConfig,
    EvaluateOneVsRestConfig,
    PoolConfig,
    StudyConfig,
    SynthesizeConfig,
    TrainOneVsRestConfig,
)
from advgen_ray.config.base import ConfigT
from advgen_ray.distributed.actors import Map
from advgen_ray.report.binary_view_page import binary_view_page
from advgen_ray.report.page import render
from advgen_ray.stages import one_vs_rest, one_vs_rest_evaluation, robustness_comparison, synthesis
from advgen_ray.storage.filesystem import join, write_atomic

PAGE, SUMMARY = "binary/report.html", "binary/summary.json"
DETECTORS = "binary/one_vs_rest"  # pages call a model after its directory
REPORT = "../report.html"  # the study's, from the page


@dataclass(frozen=True)
class BinaryViewPlan:
    """The stage configs, each with its place under the study's output."""

    detectors: TrainOneVsRestConfig
    evaluation: EvaluateOneVsRestConfig
    synthesis: SynthesizeConfig
    robustness: CompareRobustnessConfig
    eps: float  # of the study's classifier beside them
    root: str


def plan_of(config: StudyConfig, root: str) -> BinaryViewPlan | None:
    """The plan of a study; None where its config has no binary view."""
    view = config.binary_view
    if view is None:
        return None
    detectors = f"{root}/{DETECTORS}"
    softmax, judge = f"{root}/classifiers/eps-{view.eps}/model", f"{root}/classifiers/judge/model"

    def placed(part: ConfigT, name: str, **changes: Any) -> ConfigT:
        return part.changed(data=config.data, output=f"{root}/binary/{name}", **changes)

    return BinaryViewPlan(
        detectors=view.detectors.changed(training=view.detectors.training.changed(data=config.data), output=detectors),
        evaluation=placed(view.evaluation, "evaluation", detectors=detectors),
        synthesis=placed(
            view.synthesis, "synthesis", models=(f"{detectors}/model", softmax), judge=judge, feature_classifier=judge
        ),
        robustness=placed(
            view.robustness,
            "robustness",
            classifiers={"one_vs_rest": f"{detectors}/model", f"eps-{view.eps}": softmax},
            reference=f"eps-{view.eps}",
        ),
        eps=view.eps,
        root=root,
    )


def maps_of(plan: BinaryViewPlan) -> list[tuple[PoolConfig, Map]]:
    """The sets of its three jobs, whose detectors are trained, and the pools they ask for."""
    return [
        *((plan.robustness.pool, one) for one in robustness_comparison.maps_of(plan.robustness)),
        (plan.evaluation.pool, one_vs_rest_evaluation.map_of(plan.evaluation)),
        *((plan.synthesis.pool, one) for one in synthesis.maps_of(plan.synthesis)),
    ]


def run(plan: BinaryViewPlan) -> dict[str, Any]:
    """Whatever is missing of detectors and results, then the page; returns the summary of each job."""
    training = one_vs_rest.run(plan.detectors)
    evaluation, of_evaluation = one_vs_rest_evaluation.run_with_page(plan.evaluation)
    samples, of_samples = synthesis.run_with_page(plan.synthesis)
    robustness, of_robustness = robustness_comparison.run_with_page(plan.robustness)
    page = binary_view_page(of_evaluation, of_samples, of_robustness, plan.eps, REPORT)
    jobs = {"training": training, "evaluation": evaluation, "synthesis": samples, "robustness": robustness}
    write_atomic(join(plan.root, SUMMARY), (json.dumps(jobs, indent=1) + "\n").encode())
    write_atomic(join(plan.root, PAGE), render(page).encode())
    return jobs
