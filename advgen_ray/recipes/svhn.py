"""SVHN at paper scale: S000 sections 6 and 7, table 2; no augmentation, eps up to 0.4 (0.5 collapses)."""

from typing import Any

from advgen_ray.config import (
    AttackConfig,
    ClassifierViewConfig,
    DataConfig,
    GenerateByClassifierConfig,
    GenerateConfig,
    ScoreEnergiesConfig,
    SearchConfig,
    StudyConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
)
from advgen_ray.config.samplers import PAPER
from advgen_ray.recipes import cifar10, cifar10_counterfactuals
from advgen_ray.recipes.robust_training import EPS, s001

DATA = DataConfig(name="svhn")
S001: dict[str, Any] = {
    "attack": AttackConfig(norm="linf", eps=EPS, num_steps=10, step_size=1 / 255),
    "evaluation_attack": AttackConfig(norm="linf", eps=EPS, num_steps=20, step_size=1 / 255),
    "num_epochs": 30,
    "augment": "none",  # a mirrored 2 is no 2
}


def svhn_classifier() -> TrainClassifierConfig:
    """S000 T2, WRN-40-2 at eps 0.2: 95.41 clean, 86.84 under PGD(8) at 0.2."""
    attack = AttackConfig(norm="l2", eps=0.2, num_steps=8)
    return cifar10.cifar10_classifier().model_copy(
        update={"data": DATA, "attack": attack, "evaluation_attack": attack, "augment": "none"}
    )


def svhn_standard_classifier() -> TrainClassifierConfig:
    """S000 T2, WRN-40-2 at eps 0 with dropout 0.3: 96.75 clean, 77.46 under PGD(8) at 0.2."""
    return svhn_classifier().override(["attack.eps=0.0", "model.dropout=0.3"])


def svhn_score_model() -> TrainScoreModelConfig:
    """S000 section 6 on SVHN: the CIFAR-10 network and schedule, no flips (a mirrored 2 is no 2)."""
    return cifar10.cifar10_score_model().model_copy(update={"data": DATA, "horizontal_flip": False})


def svhn_counterfactuals() -> GenerateConfig:
    """S000's second set of 200,000 by 100 evaluations each: w 15, sigma_CE 0.2, Boltzmann."""
    return cifar10_counterfactuals.cifar10_counterfactuals().model_copy(update={"data": DATA})


def svhn_counterfactuals_paper_sampler() -> GenerateConfig:
    """S000's second set of 200,000 as printed: w 15, sigma_CE 0.2, Boltzmann, 1000 Euler-Maruyama steps."""
    return svhn_counterfactuals().model_copy(update={"sampler": PAPER})


def svhn_robust_counterfactuals() -> GenerateByClassifierConfig:
    """S000 figures 2, 14 and 15: 1,000 images pushed by the classifier of eps 0.4 until it is 90% sure."""
    return _on_svhn(cifar10_counterfactuals.cifar10_robust_counterfactuals(), "counterfactuals-eps-0.4")


def svhn_dvce() -> GenerateByClassifierConfig:
    """DVCE of the standard classifier, in the cone of 30 degrees around that of eps 0.4."""
    return _on_svhn(cifar10_counterfactuals.cifar10_dvce(), "counterfactuals-dvce")


def svhn_ce_ablation() -> SearchConfig:
    """S002's ablation on SVHN; S000 figure 6: Boltzmann CEs convince a standard model less than a robust model's."""
    return cifar10_counterfactuals.cifar10_ce_ablation().override(
        [
            "base.data.name=svhn",
            "base.score_model=runs/svhn/score_model/model",
            "judge=runs/svhn/classifiers/judge/model",
            "output=runs/svhn-ce-ablation",
        ]
    )


def svhn_energies() -> ScoreEnergiesConfig:
    """Energies of SVHN images and CEs; the attack is PGD(8) at 0.2."""
    attack = AttackConfig(norm="l2", eps=0.2, num_steps=8)
    return cifar10.cifar10_energies().model_copy(update={"data": DATA, "attacks": (attack,)})


def svhn_study() -> StudyConfig:
    """S000 on SVHN: the eps of T2; fig 3 reports r^2 = 0.24."""
    return StudyConfig(
        data=DATA,
        classifier=svhn_classifier(),
        eps=(0.0, 0.1, 0.2, 0.4),
        score_model=svhn_score_model(),
        counterfactuals=svhn_counterfactuals(),
        variant_sources=1000,
        held_out_sources=1000,
        energies=svhn_energies(),
        classifier_view=ClassifierViewConfig(eps=(0.4,), ascent=svhn_robust_counterfactuals(), dvce=svhn_dvce()),
        output="runs/svhn",
    )


def svhn_sat() -> TrainClassifierConfig:
    """S001 A.3, standard AT, 30 epochs, step 1/255; AutoAttack lists 95.56 / 64.01 with generated images."""
    return s001(DATA, "sat", **S001)


def svhn_trades() -> TrainClassifierConfig:
    """S001 A.3, TRADES with beta 6, 30 epochs, step 1/255; AutoAttack lists 95.56 / 64.01 with generated images."""
    return s001(DATA, "trades", **S001)


def svhn_mart() -> TrainClassifierConfig:
    """S001 A.3, MART with beta 6, 30 epochs, step 1/255; AutoAttack lists 95.56 / 64.01 with generated images."""
    return s001(DATA, "mart", **S001)


def svhn_mail_trades() -> TrainClassifierConfig:
    """S001 A.3, MAIL-TRADES with beta 5; its burn-in of 75 epochs is beyond the 30: the same share is taken."""
    return s001(DATA, "mail_trades", **S001)


def svhn_weat_adv() -> TrainClassifierConfig:
    """S001 A.3, WEAT-adv with beta 6, 30 epochs, step 1/255; AutoAttack lists 95.56 / 64.01 with generated images."""
    return s001(DATA, "weat_adv", **S001)


def svhn_weat_nat() -> TrainClassifierConfig:
    """S001 A.3, WEAT-nat with beta 6, 30 epochs, step 1/255; AutoAttack lists 95.56 / 64.01 with generated images."""
    return s001(DATA, "weat_nat", **S001)


def _on_svhn(config: GenerateByClassifierConfig, name: str) -> GenerateByClassifierConfig:
    """A recipe of CIFAR-10 with SVHN's images and models."""
    settings = ["data.name=svhn", "classifier=runs/svhn/classifiers/eps-0.4/model", f"output=runs/svhn/{name}"]
    if config.method.kind == "dvce":
        settings[1] = "classifier=runs/svhn/classifiers/eps-0.0/model"
        settings += [
            "method.score_model=runs/svhn/score_model/model",
            "method.cone_classifier=runs/svhn/classifiers/eps-0.4/model",
        ]
    return config.override(settings)
