"""What each job would say, by its config alone: the keys that rows read, shaped as that config shapes them."""

from functools import singledispatch
from typing import Any

from advgen_ray.analysis.distortion import DISSERTATION
from advgen_ray.config import (
    CheckServiceConfig,
    CompareDetectorsConfig,
    CompareLossesConfig,
    CompareRobustnessConfig,
    CompareSubsetsConfig,
    Config,
    EvaluateDetectionConfig,
    EvaluateOneVsRestConfig,
    EvaluateOODConfig,
    ExplainPredictionsConfig,
    GenerateConfig,
    GenerateFromClassifierConfig,
    MeasureDistortionConfig,
    RestoreImagesConfig,
    ScoreEnergiesConfig,
    SearchConfig,
    SimulateBinaryTrainingConfig,
    StudyConfig,
    SynthesizeConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
)
from advgen_ray.config.distance_classifier import ClassifyByDistanceConfig
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.config.gradient_alignment import AlignGradientsConfig
from advgen_ray.data.catalog import CATALOG
from advgen_ray.stages.study import StudyPlan

AUTOATTACK = ("apgd-ce", "apgd-t", "fab-t", "square")
ACCURATE = {"clean_accuracy": 0.9, "pgd_accuracy": 0.5}
ENDS = {"clean_low": 0.85, "clean_high": 0.93, "pgd_low": 0.4, "pgd_high": 0.6}
ENERGIES = ("start_energy_x", "energy_x", "natural_energy_x", "attacked_energy_x", "natural_loss")


@singledispatch
def summary_of(config: Config) -> dict[str, Any]:
    """What ``stages.reproduction`` would hand to a row; numbers are all alike."""
    raise NotImplementedError(type(config).__name__)


def name_of(model: str) -> str:
    """What rows of results call a model: the directory around it."""
    return model.rstrip("/").split("/")[-2]


def eps_of(name: str) -> float:
    """The radius in the name of a study's classifier; of another, which is robust, 0.5."""
    return float(name.removeprefix("eps-")) if name.startswith("eps-") else 0.5


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


@summary_of.register
def _energies(config: ScoreEnergiesConfig) -> dict[str, Any]:
    seen = [("clean", "", split) for split in config.splits]
    seen += [("attacked", one.label, "test") for one in config.attacks]
    return {
        "groups": [
            {"classifier": name_of(model), "view": view, "attack": attack, "image_set": image_set}
            | {"accuracy": 0.5, "mean_energy_x": -5.0, "mean_energy_x_error": 0.1, "count": 100}
            for model in config.classifiers
            for view, attack, image_set in seen
        ]
    }


@summary_of.register
def _images(config: GenerateFromClassifierConfig) -> dict[str, Any]:
    models = [{"classifier": name_of(one), "eps": eps_of(name_of(one))} for one in config.classifiers]
    made = [one for one in models if one["classifier"] in (config.generators or [m["classifier"] for m in models])]
    return {
        "generated": [one | dict.fromkeys(ENERGIES, -5.0) | {"judged": 0.9} for one in made],
        "gradients": [one | {"alignment": 0.3, "alignment_error": 0.01, "count": 100} for one in models],
    }


@summary_of.register
def _search(config: SearchConfig) -> dict[str, Any]:
    metrics = {objective.metric: 0.9 for objective in config.objectives}
    given = [one | metrics for one in config.given()]
    change = {"mean": 0.1, "low": 0.05}
    return {
        "trials": {"finished": 3, "stopped": 1},
        "best": {"trial": "0", **dict.fromkeys(config.keys), **metrics},
        "effects": [{"key": key, "changes": dict.fromkeys(metrics, change)} for key in config.keys],
        "every_trial": [one | {"trial": str(number)} for number, one in enumerate(given)],
    }


@summary_of.register
def _synthesis(config: SynthesizeConfig) -> dict[str, Any]:
    distance = "fid" if config.inception else "proxy_fid"
    models, ratios = [name_of(one) for one in config.models], {"ratio": 1.0, "ratio_low": 0.9, "ratio_high": 1.1}
    rows = [{"model": model, "ascent": path.label, distance: 2.0} for model in models for path in config.ascents]
    return {
        "samples": [{"model": "", "ascent": "test images", distance: 1.0}, *rows],
        "l2_to_training": {"real_low_l2": 1.0, "models": [{"model": one, "low_l2": 1.0} | ratios for one in models]},
    }


@summary_of.register
def _losses(config: CompareLossesConfig) -> dict[str, Any]:
    epochs = [{"epoch": epoch} | dict.fromkeys(ENERGIES, -5.0) for epoch in config.training.record_energies_at_epochs]
    means = {f"{key}_mean": value for key, value in ACCURATE.items()}
    return {
        "losses": [{"loss": one.label} | means for one in config.losses],
        "trainings": [{"loss": one.label, "seed": seed} | ACCURATE for one in config.losses for seed in config.seeds],
        "energy_dynamics": {one.label: epochs for one in config.losses},
        "largest_trades_identity_error": 1e-6,
    }


@summary_of.register
def _subsets(config: CompareSubsetsConfig) -> dict[str, Any]:
    errors, names = {"clean_error": 0.1, "adversarial_error": 0.5}, ("full", "I", "C", "H", "L")
    return {
        "num_images": 1000,
        "composition": [{"subset": name, "num_left_out": 100} for name in names[1:]],
        "error_rates": [{"subset": name} | errors for name in names],
        "trainings": [{"subset": name, "seed": seed} | errors for name in names for seed in config.seeds],
    }


@summary_of.register
def _robustness(config: EvaluateRobustnessConfig) -> dict[str, Any]:
    names = AUTOATTACK if config.attacks == "standard" else [one.label for one in config.attacks]
    after = [{"attack": name, "accuracy_after": 0.5} for name in names]
    return {"clean_accuracy": 0.9, "robust_accuracy": 0.5, "attacks": after, "count": 400}


@summary_of.register
def _by_radius(config: CompareRobustnessConfig) -> dict[str, Any]:
    rows = [
        {"classifier": name, "suite": "worst of all", "eps": eps, "at": f"eps {eps:g}", "accuracy": 0.5}
        for name in config.classifiers
        for eps in (0.0, *config.radii)
    ]
    return {"accuracies": rows, "differences": [row | {"difference": 0.1, "low": 0.0, "high": 0.2} for row in rows]}


@summary_of.register
def _detectors(config: CompareDetectorsConfig) -> dict[str, Any]:
    names = {"energy": "Energy", "kd_bu": "KD+BU", "lid": "LID"}
    rows = [{"detector": names[one], "attack": attack.label} for one in config.detectors for attack in config.attacks]
    return {"detectors": [row | {"detection_rate": 0.9, "false_positive_rate": 0.1, "num_test": 120} for row in rows]}


@summary_of.register
def _one_vs_rest(config: EvaluateOneVsRestConfig) -> dict[str, Any]:
    classes = config.classes if config.classes is not None else range(CATALOG[config.data.name].num_classes)
    aucs = {"auc_worst": 0.99, "auc_last": 0.999}
    return {"detectors": [{"detector": k, "attack": one} | aucs for k in classes for one in range(len(config.attacks))]}


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
    return {"cases": [{"problem": a, "p0": b, "mean_on_data": 0.5, "num_spurious": 1} for a, b in kinds]}


@summary_of.register
def _service(config: CheckServiceConfig) -> dict[str, Any]:
    return {"kept": {"config": 1, "model": 1}, "submitted": ACCURATE, "here": ACCURATE, "same_weights": True}


@summary_of.register(AlignGradientsConfig)
@summary_of.register(ExplainPredictionsConfig)
def _of_classifiers(config: AlignGradientsConfig | ExplainPredictionsConfig) -> dict[str, Any]:
    measured = {"alignment": 0.1, "alignment_error": 0.01, "count": 100, "baseline": "mean", "excess": 0.1}
    rows = [{"classifier": name_of(one)} | measured for one in config.classifiers]
    return {"classifiers": rows, "masks": rows}


@summary_of.register
def _distortion(config: MeasureDistortionConfig) -> dict[str, Any]:
    found = {"search": DISSERTATION, "count": 100, "found": 1.0, "mean": 0.5, "mean_error": 0.1}
    means = {f"{method}_dissertation_mean": 0.5 for method in config.methods}
    return means | {"searches": [{"method": method} | found for method in config.methods]}


@summary_of.register(TrainClassifierConfig)
@summary_of.register(TrainBinaryConfig)
@summary_of.register(GenerateConfig)
@summary_of.register(ClassifyByDistanceConfig)
@summary_of.register(RestoreImagesConfig)
@summary_of.register(EvaluateDetectionConfig)
def _flat(config: Config) -> dict[str, Any]:
    """Jobs whose numbers have names of their own, whatever the config."""
    numbers = ("data_probability", "out_probability", "accuracy", "mean_ssim_gain", "mean_psnr_gain", "count")
    sets = ("mean_l2_different_class", "mean_l2_same_class", "mean_l0")
    rates = ("integrated_fpr_at_tpr_95", "generative_fpr_at_tpr_95")
    ends = {"mean_ssim_gain_low": 0.4, "mean_ssim_gain_high": 0.6}
    return ACCURATE | dict.fromkeys((*numbers, *sets, *rates), 0.5) | ends | {"ended": "", "identity": "0"}
