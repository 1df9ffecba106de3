"""Row D6 at the document's scale: four models of MNIST, as they are trained and beside what is printed of each."""

from typing import Any

from advgen_ray.catalogue import chosen
from advgen_ray.catalogue.entry import in_order
from advgen_ray.catalogue.placing import config_of
from tests.catalogue.test_readings import invented


def test_each_model_of_mnist_stands_beside_the_figures_of_its_own_ball() -> None:
    """S004 tables 3.2 to 3.5; those from fifty random starts beside our worst."""
    (row,) = chosen(["D6"])
    figures = {figure.name: figure for figure in row.read(invented(row, "paper")).figures}
    last, worst = "1 noise start, last iterates", "50 noise starts, every image at its worst"
    expected = {
        f"MNIST, AUC of 1, linf 0.3, 2000 x 0.005, {last}": 0.99971,
        f"MNIST, trained in Linf .5, AUC of 0, linf 0.3, 200 x 0.01 by Adam, {last}": 0.99966,
        f"MNIST, trained in Linf .5, AUC of 0, linf 0.5, 200 x 0.01 by Adam, {worst}": 0.99776,
        f"MNIST, trained in L2 2.5, AUC of 1, l2 2.5, 200 x 0.1, {last}": 0.99916,
        f"MNIST, trained in L2 5, AUC of 0, l2 2.5, 200 x 0.1 by Adam, {last}": 0.99944,
        f"MNIST, trained in L2 5, AUC of 0, l2 5, 200 x 0.1 by Adam, {worst}": 0.99501,
    }
    assert {name: figures[name].published for name in expected} == expected
    assert [figures[name].ours for name in expected] == [0.999, 0.999, 0.99, 0.999, 0.999, 0.99]
    assert figures[f"MNIST, trained in L2 5, AUC of 1, l2 5, 200 x 0.1 by Adam, {worst}"].published is None
    printed = [name for name, one in figures.items() if name.startswith("MNIST") and one.published is not None]
    assert len(printed) == 4 * 7 * 2 + 2


def test_mnists_detectors_are_trained_as_table_3_1_has_it() -> None:
    (row,) = chosen(["D6"])
    trained: dict[str, Any] = {
        work.recipe: config_of(work, "runs", 0)
        for work in in_order(list(row.paper.values()))
        if work.recipe.startswith("mnist") and work.job == "train_one_vs_rest"
    }
    settings = {}
    for name, config in trained.items():
        ascent, validation = config.training.ascent, config.training.validation
        assert ascent.first_steps == ascent.last_steps
        assert ascent.adam
        settings[name.removeprefix("mnist_one_vs_rest")] = (
            *(ascent.norm, ascent.eps, ascent.last_steps, ascent.step_size),
            *(validation.num_steps, validation.step_size),
        )
    assert settings == {
        "": ("linf", 0.3, 100, 0.01, 200, 0.01),
        "_wider": ("linf", 0.5, 100, 0.01, 200, 0.01),
        "_l2": ("l2", 2.5, 100, 0.1, 200, 0.1),
        "_l2_wider": ("l2", 5.0, 200, 0.1, 200, 0.1),
    }
