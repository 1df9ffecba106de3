"""What is stored of images from classifiers: each as if it were alone, from the same start; without Ray."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from advgen_ray.data import datasets
from advgen_ray.distributed.classifier_image_rows import shards_of
from advgen_ray.energy.input_gradients import cross_entropy_gradient, sparsity
from advgen_ray.energy.langevin import langevin
from advgen_ray.energy.pca_start import fit_pca_start
from advgen_ray.rng import Stream
from advgen_ray.stages import classifier_images
from advgen_ray.storage.schemas import column_to_images
from advgen_ray.storage.validate import validate
from advgen_ray.synthesis.ssim import ssim
from advgen_ray.training.model_directory import load_model
from tests.classifier_jobs import DIGITS, fill_map, images_config
from tests.models_on_disk import save_classifier

Classifiers = tuple[str, str]


def _pictures(rows: pd.DataFrame, column: str) -> torch.Tensor:
    return torch.from_numpy(column_to_images(pa.array(rows[column], pa.binary()), DIGITS.image_shape))


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_classifier(tmp_path_factory.mktemp("judge") / "judge" / "model", seed=9, num_steps=30)


@pytest.fixture(scope="module")
def stored(classifiers: Classifiers, judge: str, tmp_path_factory: pytest.TempPathFactory) -> list[pd.DataFrame]:
    """Generated images and gradients."""
    maps = classifier_images.maps_of(images_config(classifiers, tmp_path_factory.mktemp("images"), judge=judge))
    rows = [fill_map(one) for one in maps]
    for one in maps:
        validate(one.result_set.uri)
    return rows


def test_an_image_is_made_as_if_it_were_alone(classifiers: Classifiers, judge: str, stored: list[pd.DataFrame]) -> None:
    rows, train = stored[0], datasets.load("digits", "", "train")
    assert rows["item_id"].tolist() == [f"eps-{e}/{y}/{r}" for e in (0.0, 0.5) for y in range(10) for r in range(2)]
    start = fit_pca_start(train.tensor(), train.targets(), 10, 0.99)
    candidates = datasets.load("digits", "", "test").first(50)
    opinion = load_model(judge).model
    for index in (3, 33):
        row = rows.iloc[index]
        model, key = load_model(classifiers[index // 20]).model, f"{row['y_target']}/{row['replicate']}"
        y = torch.tensor([int(row["y_target"])])
        x_start = start(y, Stream(5, "pca_start").normal([key], DIGITS.image_shape), 0.05)
        noise = Stream(5, "sgld")
        energies: list[float] = []
        x = langevin(
            model,
            x_start,
            y,
            lambda step, key=key, noise=noise: noise.normal([key], DIGITS.image_shape, step),
            num_steps=3,
            step_size=0.05,
            momentum=0.8,
            noise_scale=0.001,
            on_step=lambda step, images, energy, seen=energies: seen.append(float(energy)),
        )
        mine = rows.iloc[[index]]
        np.testing.assert_allclose(_pictures(mine, "x_start"), x_start, atol=1e-6)
        np.testing.assert_allclose(_pictures(mine, "x_generated"), x, atol=1e-5)
        np.testing.assert_allclose(row["energy_path"], energies, atol=1e-4)
        assert row["energy_xy"] == pytest.approx(-float(model(x)[0, y]), abs=1e-4)
        assert row["start_energy_x"] == pytest.approx(-float(model(x_start).logsumexp(1)), abs=1e-4)
        assert row["label_confidence"] == pytest.approx(float(model(x).softmax(1)[0, y]), abs=1e-4)
        assert (row["start_predicted"], row["predicted"]) == (int(model(x_start).argmax()), int(model(x).argmax()))
        assert row["judge_start_predicted"] == int(opinion(x_start).argmax())
        assert row["judge_predicted"] == int(opinion(x).argmax())
        similar = ssim(x.expand(50, -1, -1, -1), candidates.tensor())
        order = similar.argsort(descending=True, stable=True)[:4]
        np.testing.assert_allclose(row["neighbor_ssim"], similar[order], atol=1e-4)
        assert list(row["neighbor_ids"]) == candidates.item_ids(order.numpy())
        assert list(row["neighbor_labels"]) == candidates.labels[order.numpy()].tolist()
        nearest_to_start = float(ssim(x_start.expand(50, -1, -1, -1), candidates.tensor()).max())
        assert row["start_ssim"] == pytest.approx(nearest_to_start, abs=1e-4)


def test_all_classifiers_set_out_from_the_same_images(stored: list[pd.DataFrame]) -> None:
    rows = stored[0]
    first, second = rows.iloc[:20], rows.iloc[20:]
    assert first["x_start"].tolist() == second["x_start"].tolist()
    assert first["x_generated"].tolist() != second["x_generated"].tolist()
    assert first["x_start"].nunique() == 20
    assert set(first["classifier"]) == {"eps-0.0"}
    assert set(second["classifier_eps"]) == {0.5}
    assert set(second["classifier_seed"]) == {7}


def test_the_judge_is_asked_about_the_start_and_about_the_image(
    classifiers: Classifiers, judge: str, tmp_path: Path
) -> None:
    config = images_config(classifiers, tmp_path, judge=judge, generators=("eps-0.0",), step_size=30.0)
    rows, opinion = fill_map(classifier_images.maps_of(config)[0]), load_model(judge).model
    with torch.no_grad():
        for column, pictures in (("judge_start_predicted", "x_start"), ("judge_predicted", "x_generated")):
            assert rows[column].tolist() == opinion(_pictures(rows, pictures)).argmax(1).tolist()
    assert rows["judge_predicted"].tolist() != rows["judge_start_predicted"].tolist()


def test_gradients_are_those_of_each_image_alone(classifiers: Classifiers, stored: list[pd.DataFrame]) -> None:
    rows, images, train = stored[1], datasets.load("digits", "", "test"), datasets.load("digits", "", "train")
    assert rows["image_id"].tolist() == images.item_ids(range(12)) * 2
    for index in (2, 12 + 11):
        row, image = rows.iloc[index], index % 12
        model, x, y = load_model(classifiers[index // 12]).model, images.tensor([image]), images.targets([image])
        gradient = cross_entropy_gradient(model, x, y)
        np.testing.assert_allclose(_pictures(rows.iloc[[index]], "gradient"), gradient, rtol=1e-3, atol=1e-6)
        cosines = []
        for other in set(range(10)) - {int(y)}:
            towards = cross_entropy_gradient(model, x, torch.tensor([other])).flatten()
            away = (x - train.tensor(np.flatnonzero(train.labels == other)).mean(dim=0)).flatten()
            cosines.append(float(towards @ away / towards.norm() / away.norm()))
        assert row["alignment"] == pytest.approx(np.mean(cosines), abs=1e-3)
        assert row["sparsity"] == pytest.approx(float(sparsity(gradient)), abs=1e-3)
        assert row["gradient_norm"] == pytest.approx(float(gradient.norm()), rel=1e-3)
        assert (row["label"], row["predicted"]) == (int(y), int(model(x).argmax()))


def test_shards_batches_and_generators(classifiers: Classifiers, stored: list[pd.DataFrame], tmp_path: Path) -> None:
    config = images_config(classifiers, tmp_path, shard_images=20, batch_size=20, generators=("eps-0.5",))
    generated, gradients = (fill_map(one) for one in classifier_images.maps_of(config))
    expected = stored[0].iloc[20:]
    assert generated["item_id"].tolist() == expected["item_id"].tolist()
    np.testing.assert_allclose(_pictures(generated, "x_generated"), _pictures(expected, "x_generated"), atol=1e-4)
    assert set(gradients["classifier"]) == {"eps-0.0", "eps-0.5"}, "gradients of all, images of the generator alone"
    assert set(generated["judge_predicted"]) == {-1}


def test_shards() -> None:
    shards = shards_of(["a", "b"], 5, 2)
    assert [(name, rows.tolist()) for name, rows in shards[:4]] == [
        ("a", [0, 1]), ("a", [2, 3]), ("a", [4]), ("b", [0, 1]),
    ]  # fmt: skip
