"""What jobs that train and attack classifiers, or read their energies, would say."""

from typing import Any

from advgen_ray.config import (
    CompareDetectorsConfig,
    CompareLossesConfig,
    CompareSubsetsConfig,
    GenerateFromClassifierConfig,
    ScoreEnergiesConfig,
)
from advgen_ray.config.evaluation import EvaluateRobustnessConfig
from advgen_ray.stages.detectors import attack_names
from tests.catalogue.invented.dispatch import ACCURATE, ENERGIES, eps_of, name_of, summary_of

AUTOATTACK = ("apgd-ce", "apgd-t", "fab-t", "square")


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
    recognized = {"judged_start": 0.2, "judged": 0.9, "start_ssim": 0.5, "ssim": 0.6}
    made = [one for one in models if one["classifier"] in (config.generators or [m["classifier"] for m in models])]
    return {
        "generated": [one | dict.fromkeys(ENERGIES, -5.0) | recognized | {"count": 100} for one in made],
        "gradients": [
            one | {"alignment": 0.3, "alignment_error": 0.01, "sparsity": 0.5, "count": 100} for one in models
        ],
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
        "strata": [{"stratum": name, "num_incorrect": 20} for name in ("high", "low", "middle")],
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
def _detectors(config: CompareDetectorsConfig) -> dict[str, Any]:
    names, attacks = {"energy": "Energy", "kd_bu": "KD+BU", "lid": "LID"}, attack_names(config.attacks).values()
    rows = [{"detector": names[one], "attack": attack} for one in config.detectors for attack in attacks]
    return {"detectors": [row | {"detection_rate": 0.9, "false_positive_rate": 0.1, "num_test": 120} for row in rows]}
