"""Published AUCs of detectors are known by the balls and attacks that our recipes have: else none stood beside ours."""

import pytest

from advgen_ray import recipes
from advgen_ray.analysis.published_aucs import S004_AUCS
from advgen_ray.config import EvaluateOneVsRestConfig, TrainOneVsRestConfig
from advgen_ray.training.model_directory import training_ball

NAMES = (
    "mnist_one_vs_rest",
    "mnist_one_vs_rest_wider",
    "mnist_one_vs_rest_l2",
    "mnist_one_vs_rest_l2_wider",
    "cifar10_one_vs_rest",
    "cifar10_one_vs_rest_l2",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_published_figure_is_of_an_attack_of_ours_and_every_attack_has_one(name: str) -> None:
    trained = recipes.find(name, TrainOneVsRestConfig)
    evaluation = recipes.find(f"{name}_evaluation", EvaluateOneVsRestConfig)
    assert evaluation.detectors == trained.output
    card = {"training": trained.training.model_dump(mode="json")}
    published = S004_AUCS[evaluation.data.name, training_ball(card)].by_attack
    ours = {attack.label.removesuffix(", 1 noise start") for attack in evaluation.attacks}
    assert {attack for _, attack in published} == ours
    assert {k for k, _ in published} == set(evaluation.classes or ())


def test_every_ball_has_a_recipe() -> None:
    trainings = [recipes.find(name, TrainOneVsRestConfig).training for name in NAMES]
    balls = {(one.data.name, training_ball({"training": one.model_dump(mode="json")})) for one in trainings}
    assert balls == set(S004_AUCS)


@pytest.mark.parametrize(
    ("ball", "k", "attack", "auc"),
    [
        ("linf 0.3", 1, "l2 5, 200 x 0.1 by Adam", 0.98268),
        ("linf 0.5", 0, "linf 0.5, 200 x 0.01", 0.99820),
        ("linf 0.5", 0, "l2 2.5, 200 x 0.1 by Adam", 0.99969),
        ("l2 2.5", 1, "linf 0.5, 200 x 0.01 by Adam", 0.99397),
        ("l2 2.5", 0, "l2 2.5, 2000 x 0.05 by Adam", 0.99927),
        ("l2 5", 0, "l2 5, 2000 x 0.05", 0.99237),
        ("l2 5", 1, "linf 0.3, 200 x 0.01 by Adam", 0.99984),
        ("l2 5", 0, "l2 5, 200 x 0.1 by Adam, 50 noise starts", 0.99501),
    ],
)
def test_figures_are_those_of_their_columns(ball: str, k: int, attack: str, auc: float) -> None:
    """S004 tables 3.2 to 3.5, of which two print two models side by side."""
    assert S004_AUCS["mnist", ball].by_attack[k, attack] == auc


@pytest.mark.parametrize("name", NAMES[:4])
def test_recipes_of_mnist_quote_what_stands_under_one_attack(name: str) -> None:
    """Adam's, the attack of the document's trainings, from the image and from random starts (tables 3.2 and 3.5)."""
    summaries = {recipe.name: recipe.summary for recipe in recipes.listing()}
    ascent = recipes.find(name, TrainOneVsRestConfig).training.ascent
    published = S004_AUCS["mnist", f"{ascent.norm} {ascent.eps:g}"].by_attack
    attack = f"{ascent.norm} {ascent.eps:g}, 200 x {0.1 if ascent.norm == 'l2' else 0.01:g} by Adam"
    first, second = (f"{published[k, attack]:.4f}".removeprefix("0") for k in (0, 1))
    for recipe in (name, f"{name}_evaluation"):
        assert f"AUC {first} and {second}" in summaries[recipe]
    if (0, f"{attack}, 50 noise starts") in published:
        restarted = f"{published[0, f'{attack}, 50 noise starts']:.4f}".removeprefix("0")
        assert f"from 50 starts {restarted}" in summaries[f"{name}_evaluation"]
