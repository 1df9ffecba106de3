"""Scikit-learn's digits: what people see in the demo's counterfactuals."""

from advgen_ray.config import MakeRatingPageConfig, ReadRatingsConfig
from advgen_ray.recipes.digits import DATA

ROOT = "runs/digits/rating_page"


def digits_rating_page() -> MakeRatingPageConfig:
    """S002's human evaluation on the demo: 100 CEs of two neighborhoods, 5 of each class and set, in ten minutes."""
    return MakeRatingPageConfig(
        data=DATA,
        counterfactuals=("runs/demo/counterfactuals/main", "runs/demo/counterfactuals/variant-gaussian"),
        output=ROOT,
    )


def digits_ratings() -> ReadRatingsConfig:
    """What raters saw on the page of digits_rating_page, beside what the demo's classifiers see in the same CEs."""
    return ReadRatingsConfig(
        page=ROOT, answers=(f"{ROOT}/answers",), energies="runs/demo/energies", output="runs/digits/ratings"
    )
