"""Section B, first half: what a classifier's energy says of images and attacks (S003; S001's supplement)."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from advgen_ray.analysis.estimate import Estimate, alone, less, size
from advgen_ray.analysis.published import S001_CIFAR100_ENERGY
from advgen_ray.analysis.published_detection import beside
from advgen_ray.catalogue.each_study import of_each_study
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work, first
from advgen_ray.catalogue.margins import largest, least, mean_told, share
from advgen_ray.catalogue.works import CIFAR10_STUDY, STUDY, of_depths

BEADINI, MIRZA = "Beadini and Masi 2023 (S003)", "Mirza et al. 2024 (S001)"
OVERLAPPING = ("fab", "square", "cw")
LADDERS = {"pgd": "cross-entropy", "pgd-kl": "TRADES"}  # of PGD, by what they ascend

DEPTHS = of_depths("digits_classifier", {n: f"runs/digits/wrn-{n}" for n in (10, 16, 22)}, "attack.eps=0")
CIFAR100_DEPTHS = of_depths(
    "cifar100_sat",
    {n: f"runs/cifar100/resnet-{n}" for n in (18, 34, 50)},
    "attack.eps=0",
    "num_validation_images=0",  # PGD would choose one of the first epochs, before the training is one
)
IMAGENETTE = Work("train_classifier", "imagenette_classifier")
ON_IMAGENETTE = Work("score_energies", "imagenette_attacked_energies", after=(IMAGENETTE,))
STUDIES = {"small": {"study": STUDY}, "paper": {"study": CIFAR10_STUDY}}


def _attacked(summary: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The standard classifier's rows by attack, clean ones under "", of a study or of energies that were scored."""
    groups = summary.get("attacked_energies", summary)["groups"]
    return {row["attack"]: row for row in groups if row["classifier"] == groups[0]["classifier"]}


def _energy(row: Mapping[str, Any]) -> Estimate:
    return mean_told(row, "mean_energy_x", row["count"])


def _identity(found: Summaries) -> Reading:
    groups = [row for row in found["study"]["energies"]["groups"] if row["view"] == "clean"]
    figures, gaps = [], []
    for model in dict.fromkeys(row["classifier"] for row in groups):
        train, test = (_energy(first(groups, classifier=model, image_set=name)) for name in ("train", "test"))
        figures += [Figure(f"{model}, E(x), trained on", train.value), Figure(f"{model}, E(x), new", test.value)]
        gaps.append(less(test, train))
    return Reading(figures, least(gaps))


def _by_steps(found: Summaries) -> Reading:
    groups = [*found["steps"]["groups"], *_attacked(found["study"]).values()]
    figures, falls = [], []
    for model in dict.fromkeys(row["classifier"] for row in groups):
        own = [row for row in groups if row["classifier"] == model]
        natural = _energy(first(own, attack=""))
        figures.append(Figure(f"{model}, E(x), natural", natural.value))
        for name, objective in LADDERS.items():
            rungs = [_energy(row) for row in own if _ladder(row["attack"]) == name]
            few, many = rungs[0], rungs[-1]
            numbers = {
                "E(x), fewest steps": few.value,
                "E(x), most steps": many.value,
                "largest rise of E(x) on the way": max(two.value - one.value for one, two in pairwise(rungs)),
            }
            figures += [Figure(f"{model}, {objective}, {what}", value) for what, value in numbers.items()]
            falls += [less(few, many), less(natural, many)]
    figures.append(Figure("E(x), most steps, as drawn", None, S001_CIFAR100_ENERGY))
    return Reading(figures, least(falls))


def _ladder(attack: str) -> str:
    """The attack of which this is one with so many steps: ``pgd-kl`` of ``pgd-kl-20``, ``pgd`` of ``pgd``, the last."""
    name, _, steps = attack.rpartition("-")
    return name if steps.isdigit() else attack


def _histograms(found: Summaries) -> Reading:
    rows = _attacked(found["study"])
    clean = _energy(rows[""])
    shown = {name: _energy(rows[name]) for name in ("pgd", "trades", "apgd", *OVERLAPPING)}
    figures = [Figure(f"E(x), {name}", one.value) for name, one in {"natural": clean, **shown}.items()]
    return Reading(figures, least((less(clean, shown["pgd"]), *(less(shown[name], clean) for name in OVERLAPPING))))


def _detectors(found: Summaries) -> Reading:
    figures, margins = [], []
    for where, data in (("detectors", "CIFAR-10"), ("imagenette", "imagenette")):
        if where not in found:
            continue
        part = found[where]["detectors"]
        rows = part["detectors"] if isinstance(part, Mapping) else part  # a study has the whole summary there
        published = beside(data, [row["attack"] for row in rows])
        figures += [
            Figure(
                f"{'imagenette, ' if where == 'imagenette' else ''}{row['detector']}, {row['attack']}, {what}",
                row[key],
                getattr(published.get((row["detector"], row["attack"])), key, None),
            )
            for row in rows
            for what, key in (("found", "detection_rate"), ("false alarms", "false_positive_rate"))
        ]
        margins.append(_ahead([row for row in rows if row["attack"] == rows[0]["attack"]]))
    return Reading(figures, least(margins))


def _ahead(rows: Sequence[Mapping[str, Any]]) -> Estimate:
    """By how much the energy does better than the best other detector, on one attack."""
    youden = {
        row["detector"]: less(*(share(row[key], row["num_test"]) for key in ("detection_rate", "false_positive_rate")))
        for row in rows
    }
    energy = youden.pop("Energy")
    return less(energy, largest(youden.values()))


def _evasion(found: Summaries) -> Reading:
    rows = _attacked(found["attacked"])
    steps = [name for name in rows if name.startswith("he-pgd-") and "lambda" not in name]
    clean, pgd, last = rows[""], rows["pgd"], rows[steps[-1]]
    figures = [Figure("E(x), natural", clean["mean_energy_x"]), Figure("E(x), PGD", pgd["mean_energy_x"])]
    figures += [Figure(f"E(x), {name}", rows[name]["mean_energy_x"]) for name in steps]
    figures += [Figure("accuracy, PGD", pgd["accuracy"]), Figure(f"accuracy, {steps[-1]}", last["accuracy"])]
    fall = less(_energy(clean), _energy(pgd))
    drift = largest(size(less(_energy(last), _energy(other))) for other in (clean, rows[steps[0]]))
    evades = less(fall, drift)
    return Reading(figures, evades if last["accuracy"] <= pgd["accuracy"] + 0.05 else alone(-abs(evades.value)))


def _gradients(found: Summaries) -> Reading:
    standard, *robust = found["study"]["classifier_images"]["gradients"]
    figures = [
        Figure(f"{row['classifier']}, {what}", row[key])
        for row in (standard, *robust)
        for what, key in (("cosine with the ways to other classes", "alignment"), ("sparsity (Gini)", "sparsity"))
    ]
    least_robust = least(mean_told(row, "alignment", row["count"]) for row in robust)
    return Reading(figures, less(least_robust, mean_told(standard, "alignment", standard["count"])))


ROWS: tuple[Row, ...] = (
    Row(
        id="B1",
        source=f"{BEADINI}, equations 7 and 8: likely is of low energy; that images trained on are likelier is ours",
        claim="The energy of a classifier, E(x) = -logsumexp of its logits, is lower on images that it was trained on "
        "than on new ones.",
        margin="the least gap of any classifier, E(x) of test less training images",
        published_on="",
        unit="number",
        read=_identity,
        **STUDIES,
    ),
    Row(
        id="B2",
        source=f"{BEADINI}, figure 2b; {MIRZA}, figure A, and B for E(x)",
        claim="The most steps of PGD, on cross-entropy and on TRADES' divergence, leave E(x) below that of the fewest "
        "steps and of natural images, at every depth.",
        margin="the least fall of E(x) from natural images, or from the fewest steps, to the most",
        published_on="CIFAR-100, Linf, about, by the text on figure A",
        unit="number",
        small={"steps": Work("score_energies", "digits_energies_by_steps", after=DEPTHS), "study": STUDY},
        paper={
            "steps": Work(
                "score_energies",
                "cifar100_energies_by_steps",
                ("output=runs/cifar100/energies-by-steps",),
                CIFAR100_DEPTHS,
            ),
            "study": CIFAR10_STUDY,
        },
        read=_by_steps,
    ),
    Row(
        id="B3",
        source=f"{BEADINI}, figure 2a; {MIRZA}, figure C",
        claim="PGD pushes E(x) below that of natural images; FAB, Square and CW, which stop at the border, do not.",
        margin="the lesser of PGD's fall and the others' rise over natural E(x)",
        published_on="",
        unit="number",
        small=STUDIES["small"],
        paper={**STUDIES["paper"], "imagenette": ON_IMAGENETTE},
        read=of_each_study(_histograms),
    ),
    Row(
        id="B4",
        source=f"{BEADINI}, table 1",
        claim="A threshold on the energy alone finds PGD's images better than the trained detectors KD+BU and LID.",
        margin="found less false alarms, energy less the better of the two",
        published_on="CIFAR-10 (imagenette where named), ResNet-10, Linf 8/255, PGD on imagenette also 16/255; the "
        "energy's false alarms under PGD on CIFAR-10 by the authors' notebook; KD+BU and LID quoted there",
        small={"detectors": Work("compare_detectors", "digits_detectors", ("output=runs/digits/detectors",), (STUDY,))},
        paper={
            "detectors": CIFAR10_STUDY,
            "imagenette": Work("compare_detectors", "imagenette_detectors", after=(IMAGENETTE,)),
        },
        read=_detectors,
    ),
    Row(
        id="B5",
        source=f"{BEADINI}, equation 11 and figure 3",
        claim="HE-PGD fools the classifier as PGD does, and E(x) stays near natural energy, however many its steps.",
        margin="PGD's fall of E(x), less how far HE-PGD ends from natural E(x) or from its first step, the larger",
        published_on="",
        unit="number",
        small={"attacked": STUDY},
        paper={"attacked": ON_IMAGENETTE},
        read=_evasion,
    ),
    Row(
        id="B6",
        source=f"{BEADINI}, figure 4, drawn as less sparse and more meaningful; the measure of meaning is ours",
        claim="Input gradients of robust and quasi-robust classifiers point to the mean images of other classes, more "
        "than those of a standard one.",
        margin="the least robust mean cosine between gradient and way to such a mean image, less the standard one's",
        published_on="",
        unit="number",
        read=_gradients,
        **STUDIES,
    ),
)
