"""What a study would say."""

from typing import Any

from advgen_ray.config import (
    Config,
    StudyConfig,
)
from advgen_ray.data.catalog import CATALOG
from advgen_ray.stages.study import StudyPlan
from tests.catalogue.invented.dispatch import ACCURATE, name_of, summary_of

ENDS = {"clean_low": 0.85, "clean_high": 0.93, "pgd_low": 0.4, "pgd_high": 0.6}


@summary_of.register
def _study(config: StudyConfig) -> dict[str, Any]:
    plan = StudyPlan(config)
    models = [{"classifier": f"eps-{eps}", "eps": eps} for eps in config.eps]
    on_sets = ("clean_accuracy", "same_class_accuracy", "different_class_accuracy", "source_label_rate")
    compared = [name_of(f"{one.output}/model") for one in (plan.main, *plan.variants, *plan.by_classifiers.sets)]
    classes, main = CATALOG[config.data.name].num_classes, plan.main
    farther = {"farther": 1.1, "farther_low": 1.05, "farther_high": 1.15}
    parts: dict[str, Config] = {}
    if view := plan.view:
        parts = {"attacked_energies": view.attacked, "detectors": view.detectors, "classifier_images": view.images}
    return {
        "classifiers": [model | ACCURATE | ENDS for model in models],
        "counterfactuals": {
            "count": main.num_sources * classes * main.replicates,
            "num_sources": main.num_sources,
            "asked": {"num_sources": main.num_sources, "num_classes": classes, "replicates": main.replicates},
            **dict.fromkeys(("validity_different_class", "validity_low", "validity_high"), 0.9),
            **dict.fromkeys(("mean_l2_different_class", "mean_l2_same_class"), 1.0),
        },
        "robust_on_counterfactuals": [model | dict.fromkeys(on_sets, 0.8) for model in models],
        "effect": {"value": 0.1, "low": 0.05, "high": 0.15},
        "confidence_vs_distance": [
            model | {"correlation": 0.3, "r2": 0.1, "r2_low": 0.0, "r2_high": 0.4} for model in models
        ],
        "variants": [
            {"name": name, "label": name, "mean_l2": 1.0, "mean_l0": 0.3, "validity": 0.9}
            | {"mean_l2_error": 0.1, "mean_l0_error": 0.01, "num_sources": 20}
            for name in compared
        ],
        "realism": {name: {"frechet_of_judge_logits": 4.0} for name in compared},
        "chains": [{"label": "of data", "mean_l2": 1.0, "farther": 1.0, "farther_low": 1.0, "farther_high": 1.0}]
        + [{"label": f"of {one.output}", "mean_l2": 1.1, **farther} for one in plan.by_classifiers.chains],
        "energies": summary_of(plan.energies),
        **{name: summary_of(part) for name, part in parts.items()},
    }
