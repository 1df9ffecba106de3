"""Section D: binary adversarial training as a generative model, detector and classifier (S004)."""

from collections.abc import Mapping, Sequence
from typing import Any

from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work, first
from advgen_ray.catalogue.works import CIFAR10_BINARY

YIN = "Yin 2022 (S004)"
ENERGY_DIFFERENCE = ("contrast=energy_difference", "validation=null", "output=runs/digits/energy_difference")
GENERATIVE = Work("train_one_vs_rest", "digits_generative_classifier")
CALIBRATED = Work("calibrate_classifier", "digits_generative_calibration", after=(GENERATIVE,))
COMBINED = Work("train_one_vs_rest", "digits_generative_classifier_combined")
SOFTMAX = Work("train_classifier", "digits_generative_softmax")
CIFAR10_GENERATIVE = Work("train_one_vs_rest", "cifar10_generative_classifier")
CIFAR10_CALIBRATED = Work("calibrate_classifier", "cifar10_generative_calibration", after=(CIFAR10_GENERATIVE,))
CIFAR10_COMBINED = Work("train_one_vs_rest", "cifar10_generative_classifier_combined")
CIFAR10_SOFTMAX = Work("train_classifier", "cifar10_generative_softmax")
OOD_MODELS = (Work("train_binary", "digits_binary_ood"), Work("train_classifier", "digits_outlier_exposure"))
CIFAR10_OOD_MODELS = (
    Work("train_binary", "cifar10_binary_ood"),
    Work("train_classifier", "cifar10_outlier_exposure"),
    Work("train_classifier", "cifar10_ratio"),
)
PUBLISHED_OOD = {"SVHN": (0.935, 0.830), "CIFAR-100": (0.887, 0.706), "uniform noise": (1.0, 1.0)}


def _plane(found: Summaries) -> Reading:
    cases = found["plane"]["cases"]
    figures = [
        Figure(f"{case['problem']}, {case['p0']} p0, {what}", case[key], 0.5 if key == "mean_on_data" else None)
        for case in cases
        for what, key in (("D on the data", "mean_on_data"), ("spurious maxima", "num_spurious"))
    ]
    diverse, concentrated = (first(cases, problem="maximin", p0=p0) for p0 in ("diverse", "concentrated"))
    half = 0.05 - abs(diverse["mean_on_data"] - 0.5)
    as_told = diverse["num_spurious"] == 0 and concentrated["num_spurious"] > 0
    return Reading(figures, half if as_told else -1.0)


def _stable(found: Summaries) -> Reading:
    ours, theirs = found["binary"], found["energy_difference"]
    figures = [
        Figure(f"{name}, D on {what}", summary[key])
        for name, summary in (("binary AT", ours), ("EBM's objective", theirs))
        for what, key in (("data", "data_probability"), ("samples of p0", "out_probability"))
    ]
    apart = ours["data_probability"] - ours["out_probability"]
    return Reading(figures, apart if theirs["ended"] and not ours["ended"] else -1.0)


def _samples(found: Summaries) -> Reading:
    """Proxy FID or FID, whichever the job tells, of the best path of each model."""
    best = _best_paths(found["synthesis"]["samples"])
    detectors = best.pop(next(iter(best)))
    figures = [Figure("detectors", detectors), *(Figure(name, value) for name, value in best.items())]
    return Reading(figures, min(best.values()) - detectors if best else -detectors)


def _best_paths(samples: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in samples:
        if row["model"]:
            value = row["proxy_fid"] if "proxy_fid" in row else row["fid"]
            found[row["model"]] = min(value, found.get(row["model"], value))
    return found


def _restoration(found: Summaries) -> Reading:
    restored = found["restoration"]
    gains = {"SSIM": restored["mean_ssim_gain"], "PSNR": restored["mean_psnr_gain"]}
    return Reading([Figure(f"{name}, restored less degraded", value) for name, value in gains.items()], gains["SSIM"])


def _neighbors(found: Summaries) -> Reading:
    rows = [row for row in found["synthesis"]["samples"] if row["model"]]
    figures = [Figure(f"{row['model']}, {row['ascent']}, L2 from its start", row["distance"]) for row in rows]
    return Reading(figures, min(row["distance"] for row in rows))


def _detectors(found: Summaries) -> Reading:
    rows = found["evaluation"]["detectors"]
    own = [row for row in rows if row["attack"] == rows[0]["attack"]]
    published = {"0": 0.9996, "1": 0.9997}
    figures = [
        Figure(f"AUC of {row['detector']}", row["auc_worst"], published.get(str(row["detector"]))) for row in own
    ]
    figures += [
        Figure(f"mean L2 past {method} detection", found["distortion"][f"{method}_dissertation_mean"], printed)
        for method, printed in (("integrated", 3.68), ("generative", 4.40))
    ]
    distortion = found["distortion"]
    return Reading(figures, distortion["generative_dissertation_mean"] - distortion["integrated_dissertation_mean"])


def _ood(found: Summaries) -> Reading:
    rows = found["ood"]["results"]
    figures = [
        Figure(
            f"{row['detector']}, {row['image_set']}, {row['case']}",
            row["auroc"],
            PUBLISHED_OOD.get(row["image_set"], (None, None))[row["case"] == "worst"]
            if row["detector"] == "binary AT"
            else None,
        )
        for row in rows
        if row["detector"] in ("binary AT", "standard, energy")
    ]
    worst = {name: found["ood"][f"worst_auroc/{name}"] for name in ("binary AT", "standard, energy")}
    return Reading(figures, worst["binary AT"] - worst["standard, energy"])


def _generative(found: Summaries) -> Reading:
    comparison = found["robustness"]
    worst = [row for row in comparison["accuracies"] if row["suite"] == "worst of all"]
    figures = [Figure(f"{row['classifier']}, {row['at']}", row["accuracy"]) for row in worst]
    largest = max(row["eps"] for row in worst)
    last = [row["difference"] for row in comparison["differences"] if row["eps"] == largest]
    return Reading(figures, max(last))


def _ablations(found: Summaries) -> Reading:
    effects = found["search"]["effects"]
    figures = [
        Figure(
            f"{effect['key']}: {effect['one']} to {effect['other']}, AUC",
            next(iter(effect["changes"].values()))["mean"],
        )
        for effect in effects
    ]
    return Reading(figures, max(abs(figure.ours) for figure in figures) - 0.01)


ROWS: tuple[Row, ...] = (
    Row(
        id="D1",
        source=f"{YIN}, section 2.4, figures 2.1 and 2.2",
        claim="D comes to a half on the data; elsewhere it has maxima if p0 is concentrated, none if it is diverse.",
        margin=".05 less the distance of D on the data from a half",
        published_on="",
        unit="number",
        small={"plane": Work("simulate_binary_training", "plane_binary_simulation")},
        paper={"plane": Work("simulate_binary_training", "plane_binary_simulation")},
        read=_plane,
    ),
    Row(
        id="D2",
        source=f"{YIN}, algorithms 1 and 3, section 2.5.6",
        claim="Binary adversarial training goes on where an EBM's likelihood in its place diverges.",
        margin="D on data less D on samples of p0, where only the EBM's diverged",
        published_on="",
        small={
            "binary": Work("train_binary", "digits_binary", ("output=runs/digits/binary",)),
            "energy_difference": Work("train_binary", "digits_binary", ENERGY_DIFFERENCE),
        },
        paper={
            "binary": CIFAR10_BINARY,
            "energy_difference": Work(
                "train_binary",
                "cifar10_binary",
                ("contrast=energy_difference", "output=runs/cifar10/energy_difference"),
            ),
        },
        read=_stable,
    ),
)
