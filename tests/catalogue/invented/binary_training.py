"""What jobs of binary adversarial training and its uses would say."""

from typing import Any

from advgen_ray.analysis.robustness_by_radius import WORST
from advgen_ray.config import (
    CompareRobustnessConfig,
    EvaluateDetectionConfig,
    EvaluateOneVsRestConfig,
    EvaluateOODConfig,
    MeasureDistortionConfig,
    RestoreImagesConfig,
    SimulateBinaryTrainingConfig,
    SynthesizeConfig,
)
from advgen_ray.data.catalog import CATALOG
from tests.catalogue.invented.dispatch import name_of, summary_of


@summary_of.register
def _synthesis(config: SynthesizeConfig) -> dict[str, Any]:
    kind = "" if config.inception else "proxy_"
    read = {f"{kind}fid": 2.0, f"{kind}inception_score": 5.0}
    models, ratios = [name_of(one) for one in config.models], {"ratio": 1.0, "ratio_low": 0.9, "ratio_high": 1.1}
    rows = [{"model": model, "ascent": path.label} | read for model in models for path in config.ascents]
    return {
        "samples": [{"model": "", "ascent": "test images"} | read, *rows],
        "l2_to_training": {"real_low_l2": 1.0, "models": [{"model": one, "low_l2": 1.0} | ratios for one in models]},
    }


@summary_of.register
def _by_radius(config: CompareRobustnessConfig) -> dict[str, Any]:
    rows = [
        {"classifier": name, "suite": suite, "eps": eps, "at": f"eps {eps:g}", "accuracy": 0.5}
        for name in config.classifiers
        for suite in (WORST, *(one.name for one in config.suites))
        for eps in ((0.0,) if suite == WORST else ()) + config.radii
    ]
    apart = [row | {"difference": 0.1, "low": 0.0, "high": 0.2} for row in rows if row["suite"] == WORST]
    return {"accuracies": rows, "differences": apart}


@summary_of.register
def _one_vs_rest(config: EvaluateOneVsRestConfig) -> dict[str, Any]:
    classes = config.classes if config.classes is not None else range(CATALOG[config.data.name].num_classes)
    aucs = {"auc_worst": 0.99, "auc_last": 0.999}
    return {"detectors": [{"detector": k, "attack": one.label} | aucs for k in classes for one in config.attacks]}


@summary_of.register
def _ood(config: EvaluateOODConfig) -> dict[str, Any]:
    names, sets = [one.name for one in config.detectors], [one.name for one in config.sets]
    return {
        "results": [
            {"detector": name, "image_set": image_set, "case": case, "auroc": 0.9, "auroc_low": 0.8, "auroc_high": 1.0}
            for name in names
            for image_set in sets
            for case in ("standard", "worst")
        ],
        "means_over": sets[:1],
    }


@summary_of.register
def _plane(config: SimulateBinaryTrainingConfig) -> dict[str, Any]:
    kinds = [(problem, p0) for problem in ("maximin", "minimax") for p0 in ("diverse", "concentrated")]
    seen = {"mean_on_data": 0.5, "std_on_data": 0.01, "num_spurious": 1}
    return {"cases": [{"problem": problem, "p0": p0} | seen for problem, p0 in kinds]}


@summary_of.register
def _distortion(config: MeasureDistortionConfig) -> dict[str, Any]:
    return {f"{method}_dissertation_mean": 0.5 for method in config.methods}


@summary_of.register
def _detection(config: EvaluateDetectionConfig) -> dict[str, Any]:
    return {"count": config.num_images, "integrated_fpr_at_tpr_95": 0.5, "generative_fpr_at_tpr_95": 0.4}


@summary_of.register
def _restoration(config: RestoreImagesConfig) -> dict[str, Any]:
    gain = {"gain": 0.1, "gain_low": 0.05, "gain_high": 0.15, "strength": 5.0, "count": 100}
    rows = [
        {"measure": measure, "degradation": one.label, "method": name_of(model) + held} | gain
        for measure in ("ssim", "psnr")
        for one in config.degradations
        for model in config.models
        for held in ("", *([", held"] if one.kind == "occlusion" else []))
    ]
    return {"restored": rows}
