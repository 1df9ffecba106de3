"""Section D, second part: detection by detectors of one class each (S004, section 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from advgen_ray.analysis.estimate import Estimate, less
from advgen_ray.analysis.published_aucs import S004_AUCS
from advgen_ray.analysis.published_detection import S004_DISTORTION
from advgen_ray.catalogue.binary_training import YIN
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work
from advgen_ray.catalogue.margins import least, share
from advgen_ray.catalogue.works import CIFAR10_SOFTMAX, DETECTORS, STUDY

MNIST_WIDER = "runs/mnist/one_vs_rest_wider"


def _as_printed(recipe: str, num_steps: int, step_size: float) -> Work:
    """A training of the document's own: table 3.1, 100 epochs of a class's images in batches of 32, Adam's steps."""
    return Work(
        "train_one_vs_rest",
        recipe,
        (
            "training.ascent.adam=true",
            f"training.ascent.step_size={step_size}",
            f"training.ascent.first_steps={num_steps}",
            f"training.ascent.last_steps={num_steps}",
            "training.num_steps=15600",
            "training.validation.num_images=1000",
            "training.validation.num_steps=200",
            f"training.validation.step_size={step_size}",
            "training.validation.every_steps=1560",
            "training.checkpoint_every_steps=1560",
        ),
    )


def _every_other(recipe: str, detectors: Work) -> Work:
    """An evaluation on all images of other classes than the second, of which there are fewest."""
    return Work("evaluate_one_vs_rest", recipe, ("num_images=8865",), after=(detectors,))


MNIST_DETECTORS = _as_printed("mnist_one_vs_rest", 100, 0.01)
MNIST_WIDER_DETECTORS = _as_printed("mnist_one_vs_rest_wider", 100, 0.01)
MNIST_L2_DETECTORS = _as_printed("mnist_one_vs_rest_l2", 100, 0.1)
MNIST_L2_WIDER_DETECTORS = _as_printed("mnist_one_vs_rest_l2_wider", 200, 0.1)
# Table 3.6: the whole test set. The classifier is Madry et al.'s, trained for as long; of 500 steps of the search the
# document's released code tells.
MNIST_SOFTMAX = Work(
    "train_classifier",
    "mnist_generative_softmax",
    (
        "model.channels=[32, 64]",
        "model.hidden=1024",
        "attack.num_steps=40",
        "attack.step_size=0.01",
        "num_epochs=100",
        "max_steps=null",
    ),
)
MNIST_SEARCH = ("num_images=10000", "steps=500")
CIFAR10_DETECTORS = Work("train_one_vs_rest", "cifar10_one_vs_rest")
CIFAR10_L2_DETECTORS = Work("train_one_vs_rest", "cifar10_one_vs_rest_l2")
FIRST = "linf 0.3, 200 x 0.01"  # of the document's attacks
# At paper scale, with the ball of training.
EVALUATIONS = {
    "mnist_evaluation": ("MNIST", ("mnist", "linf 0.3")),
    "mnist_wider_evaluation": ("MNIST, trained in Linf .5", ("mnist", "linf 0.5")),
    "mnist_l2_evaluation": ("MNIST, trained in L2 2.5", ("mnist", "l2 2.5")),
    "mnist_l2_wider_evaluation": ("MNIST, trained in L2 5", ("mnist", "l2 5")),
    "cifar10_evaluation": ("CIFAR-10", ("cifar10", "linf 0.0313725")),
    "cifar10_l2_evaluation": ("CIFAR-10, trained in L2", ("cifar10", "l2 0.313725")),
}


def _detectors(found: Summaries) -> Reading:
    """Of every data set; the one decides that contradicts the claim most."""
    figures = _first_aucs(found["evaluation"]["detectors"]) if "evaluation" in found else []
    for name, (prefix, trained) in EVALUATIONS.items():
        if name in found:
            figures += _aucs(found[name]["detectors"], f"{prefix}, ", S004_AUCS[trained].by_attack)
    margins = []
    for prefix, data, ball in (("", "mnist", "Linf 0.3"), ("cifar10_", "cifar10", "Linf 8/255")):
        if f"{prefix}detection" in found:
            shown, margin = _by_detection(found[f"{prefix}distortion"], found[f"{prefix}detection"], data, ball)
            of = "CIFAR-10, " if prefix else ""
            figures += [replace(one, name=f"{of}{one.name}") for one in shown]
            margins.append(margin)
    if wider := found.get("wider_distortion"):
        name, printed = (
            "trained in Linf .5, mean L2 past generative detection",
            S004_DISTORTION["mnist"].own["Linf 0.5"],
        )
        figures.append(Figure(name, wider.get("generative_dissertation_mean"), printed))
    return Reading(figures, least(margins))


def _first_aucs(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Under the first attack of the job, beside the document's first."""
    shown = [row for row in rows if row["attack"] == rows[0]["attack"]]
    printed = {k: auc for (k, attack), auc in S004_AUCS["mnist", "linf 0.3"].by_attack.items() if attack == FIRST}
    attack, _, _ = rows[0]["attack"].rpartition(", ")
    return _aucs(shown, "", {(k, attack): auc for k, auc in printed.items()})


def _aucs(rows: Sequence[Mapping[str, Any]], prefix: str, published: Mapping[tuple[int, str], float]) -> list[Figure]:
    """The last iterates from the images, as the document's; from random starts, and of the first attack, the worst."""
    figures = []
    for row in rows:
        attack, _, starts = row["attack"].rpartition(", ")
        name, restarted = f"{prefix}AUC of {row['detector']}, {row['attack']}", starts != "1 noise start"
        if restarted or row["attack"] == rows[0]["attack"]:
            worst = published.get((row["detector"], row["attack"]))
            figures.append(Figure(f"{name}, every image at its worst", row["auc_worst"], worst))
        if not restarted:
            last = published.get((row["detector"], attack))
            figures.append(Figure(f"{name}, last iterates", row["auc_last"], last))
    return figures


def _by_detection(
    distortion: Mapping[str, Any], detection: Mapping[str, Any], data: str, ball: str
) -> tuple[list[Figure], Estimate]:
    theirs = S004_DISTORTION[data]
    figures = [
        Figure("mean L2 past integrated detection", distortion.get("integrated_dissertation_mean")),
        Figure("mean L2 past generative detection", distortion.get("generative_dissertation_mean"), theirs.own[ball]),
        Figure("mean L2, state of the art before", None, theirs.before),
    ]
    rates = {
        name: share(detection[f"{name}_fpr_at_tpr_95"], detection["count"]) for name in ("integrated", "generative")
    }
    figures += [
        Figure(f"FPR at TPR .95 of {name} detection, each image by its worst attack", rate.value)
        for name, rate in rates.items()
    ]
    return figures, less(rates["integrated"], rates["generative"])


ROWS: tuple[Row, ...] = (
    Row(
        id="D6",
        source=f"{YIN}, section 3.2, tables 3.1 to 3.11, figures 3.2 and 3.4",
        claim="Each under its worst attack, generative detection lets fewer images pass than integrated detection.",
        margin="FPR at TPR .95 of integrated detection less that of generative detection",
        published_on="MNIST, Linf .3, AUC under PGD(200, .01), or the ball that a figure names; CIFAR-10, Linf 8/255",
        small={
            "evaluation": Work("evaluate_one_vs_rest", "digits_one_vs_rest_evaluation", after=(DETECTORS,)),
            "distortion": Work("measure_distortion", "digits_distortion", after=(STUDY, DETECTORS)),
            "detection": Work("evaluate_detection", "digits_detection", after=(STUDY, DETECTORS)),
        },
        paper={
            "mnist_evaluation": _every_other("mnist_one_vs_rest_evaluation", MNIST_DETECTORS),
            "mnist_wider_evaluation": _every_other("mnist_one_vs_rest_wider_evaluation", MNIST_WIDER_DETECTORS),
            "mnist_l2_evaluation": _every_other("mnist_one_vs_rest_l2_evaluation", MNIST_L2_DETECTORS),
            "mnist_l2_wider_evaluation": _every_other(
                "mnist_one_vs_rest_l2_wider_evaluation", MNIST_L2_WIDER_DETECTORS
            ),
            "distortion": Work(
                "measure_distortion", "mnist_distortion", MNIST_SEARCH, after=(MNIST_DETECTORS, MNIST_SOFTMAX)
            ),
            "wider_distortion": Work(
                "measure_distortion",
                "mnist_distortion",
                (
                    *MNIST_SEARCH,
                    *("methods=[generative]", "classifier=''", f"detectors={MNIST_WIDER}"),
                    "output=runs/mnist/wider_distortion",
                ),
                after=(MNIST_WIDER_DETECTORS,),
            ),
            "detection": Work(
                "evaluate_detection", "mnist_detection", ("num_images=10000",), after=(MNIST_DETECTORS, MNIST_SOFTMAX)
            ),
            "cifar10_evaluation": Work(
                "evaluate_one_vs_rest", "cifar10_one_vs_rest_evaluation", after=(CIFAR10_DETECTORS,)
            ),
            "cifar10_l2_evaluation": Work(
                "evaluate_one_vs_rest", "cifar10_one_vs_rest_l2_evaluation", after=(CIFAR10_L2_DETECTORS,)
            ),
            "cifar10_distortion": Work(
                "measure_distortion", "cifar10_distortion", after=(CIFAR10_DETECTORS, CIFAR10_SOFTMAX)
            ),
            "cifar10_detection": Work(
                "evaluate_detection", "cifar10_detection", after=(CIFAR10_DETECTORS, CIFAR10_SOFTMAX)
            ),
        },
        read=_detectors,
    ),
)
