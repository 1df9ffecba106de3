"""A small invented study in the two stored schemas, on real digits: what the report is developed and tested with."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.analysis.ce_accuracy import judged
from advgen_ray.analysis.inputs import CounterfactualSet, StudyInputs
from advgen_ray.analysis.study import analyze
from advgen_ray.data import datasets
from advgen_ray.recipes import digits as recipes
from advgen_ray.report.blocks import Section
from advgen_ray.report.grid import build_grid, grid_rows
from advgen_ray.report.page import render
from advgen_ray.report.study import RunRecord, Study
from advgen_ray.report.study_page import result_sections, study_page
from tests import chromium
from tests.report.invented_chain import invent_chain
from tests.report.invented_logits import invent_logits

EPS = (0.0, 0.25, 0.5, 1.0)
JUDGE = "judge"


@dataclass(frozen=True)
class InventedStudy:
    inputs: StudyInputs
    sources: np.ndarray  # [N, 1, 8, 8], images that the main set's source_index points into
    x_ce: np.ndarray  # [M, 1, 8, 8], row i belongs to row i of the main set
    pushed: np.ndarray  # likewise, of the set that a classifier made


def invent_study(num_sources: int = 40, num_test: int = 360, num_variant: int = 12, seed: int = 0) -> InventedStudy:
    rng = np.random.default_rng(seed)
    train = datasets.load("digits", "data", "train")
    images, labels = train.tensor().numpy(), train.labels.astype(np.int16)
    main, x_ce = invent_set(rng, "main", "Boltzmann", "train", images, labels, num_sources)
    gaussian, _ = invent_set(rng, "variant-gaussian", "Gaussian", "train", images, labels, num_variant, 0.93)
    exact, _ = invent_set(rng, "variant-exact", "exact Boltzmann", "train", images, labels, num_variant, 0.99)
    ascent, pushed = invent_set(rng, "by-eps-1.0", "classifier eps-1.0", "train", images, labels, num_variant, 0.9, 1)
    held_out, _ = invent_set(rng, "held-out", "held out", "test", images, labels, 20)
    sets = (main, gaussian, exact, ascent)
    chain = invent_chain(rng, ascent, pushed, images, labels)
    energies = pd.concat(
        [
            invent_energies(rng, name, eps, labels, num_sources, num_test, sets)
            for name, eps in [*((f"eps-{eps}", eps) for eps in EPS), (JUDGE, 0.0)]
        ],
        ignore_index=True,
    )
    floats = energies.select_dtypes("float64").columns
    energies = energies.astype(dict.fromkeys(floats, "float32"))  # as they are stored
    names = tuple(str(d) for d in range(10))
    meant = energies[(energies["classifier"] == JUDGE) & (energies["view"] != "attacked")]
    logits = meant[["image_set", "image_id", "label"]].assign(logits=invent_logits(meant))
    attacks = tuple({**one.model_dump(), "label": one.label} for one in recipes.digits_energies().attacks)
    inputs = StudyInputs("digits", names, energies, JUDGE, main, sets, held_out, (chain,), logits, attacks)
    return InventedStudy(inputs, images, x_ce, pushed)


def invent_set(rng, name, label, split, images, labels, num_sources, shrink=1.0, replicates=2):
    rows, pictures = [], []
    for index in range(num_sources):
        for target in range(10):
            for replicate in range(replicates):
                example = images[rng.choice(np.flatnonzero(labels == target))]
                same = target == labels[index]
                weight = shrink * (0.25 if same else rng.uniform(0.55, 0.8))
                x_ce = ((1 - weight) * images[index] + weight * example).astype(np.float32)
                change = x_ce - images[index]
                source_id = f"digits-{split}-{index:06d}"
                rows.append(
                    {
                        "item_id": f"{source_id}/{target}/{replicate}",
                        "source_id": source_id,
                        "source_index": index,
                        "source_label": labels[index],
                        "y_target": np.int16(target),
                        "replicate": np.int16(replicate),
                        "l2": np.float32(np.linalg.norm(change)),
                        "l0": np.float32((np.abs(change) > 0.02).mean()),
                    }
                )
                pictures.append(x_ce)
    return CounterfactualSet(name, label, pd.DataFrame(rows), num_sources, replicates), np.stack(pictures)


def invent_energies(rng, name, eps, labels, num_sources, num_test, sets):
    wrong = 0.01 + 0.06 * eps
    parts = [_train(rng, eps, labels, num_sources, wrong, sets[0])]
    natural = rng.normal(-9 + 3 * eps, 1.5, num_test)
    test_ids = [f"digits-test-{i:06d}" for i in range(num_test)]
    for view, error, shift in (("clean", wrong, 0.0), ("attacked", 0.45 - 0.3 * eps, -2.2 + 1.6 * eps)):
        rows = _rows(rng, test_ids, labels[:num_test], labels[:num_test], error)
        energy = natural + shift + rng.normal(0, 0.6, num_test)
        rows = rows.assign(
            view=view, image_set="test", energy_x=energy, energy_xy=energy + rng.exponential(0.5, num_test)
        )
        attack, radius = ("pgd", 0.5) if view == "attacked" else ("", 0.0)
        parts.append(rows.assign(attack=attack, attack_eps=np.float32(radius), attack_distance=radius))
    for one in sets:
        table = one.rows
        error = np.where(table["y_target"] != table["source_label"], 0.02 + 0.1 * eps, 0.005)
        rows = _rows(rng, table["item_id"], table["y_target"], table["source_label"], error)
        parts.append(
            rows.assign(
                view="counterfactual",
                image_set=one.name,
                energy_x=-8.0,
                energy_xy=-7.5,
                attack="",
                attack_eps=0.0,
                attack_distance=0.0,
            )
        )
    return pd.concat(parts, ignore_index=True).assign(
        classifier=name, classifier_eps=np.float32(eps), classifier_seed=1000 if name == JUDGE else 0
    )


def _train(rng, eps, labels, num_sources, wrong, main):
    ids = [f"digits-train-{i:06d}" for i in range(num_sources)]
    rows = _rows(rng, ids, labels[:num_sources], labels[:num_sources], wrong)
    distance = main.rows[main.different_class].groupby("source_id")["l2"].mean().loc[ids].to_numpy()
    confidence = np.clip(
        1 - eps * 0.35 * np.maximum(0, distance.max() - distance) + rng.normal(0, 0.02, len(ids)), 0.1, 1
    )
    return rows.assign(
        view="clean",
        image_set="train",
        energy_x=-8.0,
        energy_xy=-7.5,
        attack="",
        attack_eps=0.0,
        attack_distance=0.0,
        confidence=confidence,
    )


def _rows(rng, ids, labels, source_labels, error):
    labels, source_labels = np.asarray(labels), np.asarray(source_labels)
    mistaken = rng.random(len(labels)) < error
    other = np.where(source_labels != labels, source_labels, (labels + 1) % 10)
    predicted = np.where(mistaken, other, labels).astype(np.int16)
    return pd.DataFrame(
        {
            "image_id": list(ids),
            "label": labels,
            "source_label": source_labels,
            "predicted": predicted,
            "correct": predicted == labels,
            "confidence": rng.uniform(0.8, 1.0, len(labels)),
            "label_confidence": np.where(mistaken, 0.2, 0.9),
        }
    )


def tell(invented: InventedStudy) -> Study:
    """The study as the page takes it, with invented runs behind it."""
    tables = analyze(invented.inputs)
    grids = {
        one.name: _grid(invented, one, pictures)
        for one, pictures in zip(
            (invented.inputs.main, *invented.inputs.variants[-1:]), (invented.x_ce, invented.pushed), strict=False
        )
    }
    seconds = {"classifiers": 160.0, "score_model": 91.0, "counterfactuals": 50.0, "energies": 11.0, "report": 4.0}
    return Study(tables, records(), grids, seconds, "0.1.0")


def _grid(invented, one, pictures):
    rows = grid_rows(one.rows)
    opinion = judged(invented.inputs.energies, JUDGE, one).set_index("item_id")["predicted"]
    sources = invented.sources[rows["source_index"]]
    return build_grid(
        f"Answers by {one.label}", rows, pictures[rows.index], sources, opinion, invented.inputs.class_names
    )


def records() -> list[RunRecord]:
    score = [{"step": 100 * i, "epoch": 9.0 * i, "loss": 0.3 * math.exp(-i / 5) + 0.1} for i in range(30)]
    config = recipes.digits_classifier().model_dump(mode="json")
    found = [
        _record("classifier", f"eps-{eps}", config | {"attack": config["attack"] | {"eps": eps}}, _curve(eps))
        for eps in EPS
    ]
    found.append(_record("judge", JUDGE, config | {"seed": 1000}, _curve(0.0)))
    found.append(_record("score model", "score_model", recipes.digits_score_model().model_dump(mode="json"), score))
    found.append(_record("counterfactuals", "main", recipes.digits_counterfactuals().model_dump(mode="json")))
    return [*found, _record("energies", "energies", recipes.digits_energies().model_dump(mode="json"))]


def _curve(eps):
    fall = [math.exp(-i / (5 + 8 * eps)) for i in range(30)]
    return [{"step": 11 * i, "epoch": i, "loss": 2 * f, "train_accuracy": 1 - 0.8 * f} for i, f in enumerate(fall)]


def _record(stage, name, config, history=()):
    versions = {"torch": "2.12.1", "ray": "2.60.0"}
    return RunRecord(stage, name, config, "0123456789abcdef", "f" * 64, 41.5, versions, list(history))


@pytest.fixture(scope="session")
def invented() -> InventedStudy:
    return invent_study()


@pytest.fixture(scope="session")
def study(invented: InventedStudy) -> Study:
    return tell(invented)


@pytest.fixture(scope="session")
def sections(study: Study) -> list[Section]:
    return result_sections(study)


@pytest.fixture(scope="session")
def page(study: Study, sections: list[Section]) -> str:
    return render(study_page(study, sections))


@pytest.fixture
def retold(invented: InventedStudy):
    """The study after a change to its inputs."""
    return lambda **changes: tell(replace(invented, inputs=replace(invented.inputs, **changes)))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium; skips where there is none."""
    if chromium.installed() is None:
        pytest.skip(f"none of {', '.join(chromium.NAMES)} on the PATH")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: dev)")
    with chromium.launched() as opened:
        yield opened
