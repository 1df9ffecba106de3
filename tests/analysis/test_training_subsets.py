"""The four sets of S001: who is left out, in which numbers, and that a draw does not depend on the order of images."""

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.training_subsets import (
    ENERGY_SHARE,
    TrainingSubsets,
    composition,
    energy_strata,
    error_rates,
    select_subsets,
)
from advgen_ray.rng import Stream


def _training(num_images: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Incorrect images lie high, as in S001, though some lie low."""
    generator = np.random.default_rng(seed)
    energy = generator.normal(-8, 2, num_images)
    correct = generator.random(num_images) > 0.03 + 0.15 / (1 + np.exp(-(energy + 7)))
    ids = [f"train-{i:05d}" for i in range(num_images)]
    return pd.DataFrame({"item_id": ids, "energy_x": energy, "correct": correct})


def _select(training: pd.DataFrame, seed: int = 0, **settings: float) -> TrainingSubsets:
    return select_subsets(training, Stream(seed, "subsets"), **settings)


def test_each_set_holds_what_its_letter_says() -> None:
    training = _training()
    left_out = {letter: training[training["item_id"].isin(ids)] for letter, ids in _select(training).left_out.items()}
    num_incorrect = int((~training["correct"]).sum())
    assert 20 < num_incorrect < 200
    assert not left_out["I"]["correct"].any()
    assert len(left_out["I"]) == len(left_out["C"]) == num_incorrect
    assert left_out["C"]["correct"].all()
    assert len(left_out["H"]) == len(left_out["L"]) == round(ENERGY_SHARE * 1000) == 130
    correct = training[training["correct"]]
    assert left_out["H"]["correct"].all()
    assert left_out["H"]["energy_x"].min() > correct.drop(left_out["H"].index)["energy_x"].max()
    assert not left_out["L"]["correct"].all()
    assert left_out["L"]["energy_x"].max() < training.drop(left_out["L"].index)["energy_x"].min()


def test_tables_have_the_sums_of_s001() -> None:
    """Table A: as many correct images are of high energy as H leaves out; table B follows from the sizes."""
    training = _training()
    subsets = _select(training)
    num_correct, num_incorrect = int(training["correct"].sum()), int((~training["correct"]).sum())
    strata = energy_strata(training, subsets).set_index("stratum")
    assert strata.loc["high", "num_correct"] == 130
    assert strata.loc["low"].sum() == 130
    assert strata.to_numpy().sum() == 1000
    table = composition(training, subsets).set_index("subset")
    assert table.loc["I"].tolist() == [num_incorrect, num_correct, 0]
    assert table.loc["C"].tolist() == [num_incorrect, num_correct - num_incorrect, num_incorrect]
    assert table.loc["H"].tolist() == [130, num_correct - 130, num_incorrect]
    assert table.loc["L", "num_correct"] == num_correct - strata.loc["low", "num_correct"]


def test_order_of_the_images_does_not_matter_and_the_seed_moves_c_alone() -> None:
    training = _training().round({"energy_x": 1})  # with ties
    shuffled = training.sample(frac=1, random_state=0)
    one, same, other = _select(training), _select(shuffled), _select(training, seed=1)
    assert one == same
    assert one.left_out["C"] != other.left_out["C"]
    assert {letter: one.left_out[letter] for letter in "IHL"} == {letter: other.left_out[letter] for letter in "IHL"}


def test_random_correct_images_are_as_likely_high_as_low() -> None:
    training = _training()
    drawn = [set(_select(training, seed=seed).left_out["C"]) for seed in range(30)]
    correct = training[training["correct"]].sort_values("energy_x")
    upper = set(correct["item_id"][len(correct) // 2 :])
    assert np.mean([len(ids & upper) / len(ids) for ids in drawn]) == pytest.approx(0.5, abs=0.03)


def test_a_model_without_errors_leaves_nothing_out_in_i_and_c() -> None:
    subsets = _select(_training().assign(correct=True), energy_share=0.01)
    assert {letter: len(ids) for letter, ids in subsets.left_out.items()} == {"I": 0, "C": 0, "H": 10, "L": 10}


def test_too_few_correct_images_and_odd_shares_are_refused() -> None:
    training = _training(20)
    with pytest.raises(ValueError, match="only 4 of 20 training images are correct"):
        _select(training.assign(correct=[True] * 4 + [False] * 16))
    with pytest.raises(ValueError, match="or 20 of high energy"):
        _select(training, energy_share=0.99)
    with pytest.raises(ValueError, match="a share in"):
        _select(training, energy_share=13.0)


def test_error_rates_are_means_and_spreads_over_seeds() -> None:
    trainings = pd.DataFrame(
        [("full", 0, 0.1, 0.4), ("full", 1, 0.3, 0.6), ("H", 0, 0.1, 0.5)],
        columns=["subset", "seed", "clean_error", "adversarial_error"],
    )
    table = error_rates(trainings).set_index("subset")
    assert table.loc["full", ["clean_error", "adversarial_error", "num_seeds"]].tolist() == pytest.approx([0.2, 0.5, 2])
    assert table.loc["full", "clean_std"] == pytest.approx(0.02**0.5)
    assert table.loc["H"].isna().pipe(lambda missing: list(table.columns[missing])) == ["clean_std", "adversarial_std"]
