"""Section D, first part: binary adversarial training as a generative model (S004, chapter 2)."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from advgen_ray.analysis.binary_simulation import HALF, TOLERANCE
from advgen_ray.analysis.estimate import alone, exact, less
from advgen_ray.analysis.published import S004_DENOISING, S004_INPAINTING
from advgen_ray.analysis.published_synthesis import S004
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work, first
from advgen_ray.catalogue.margins import least, told
from advgen_ray.catalogue.works import (
    CIFAR10_BINARY,
    CIFAR10_GENERATIVE,
    CIFAR10_SOFTMAX,
    CIFAR10_STUDY,
    DETECTORS,
    FROM_NOISE,
    STUDY,
)

YIN = "Yin 2022 (S004)"
LONGER = "num_steps=2000"  # of its 400 the recipe's EBM needs more to diverge: its loss falls with their third power
ENERGY_DIFFERENCE = ("contrast=energy_difference", "validation=null", LONGER, "output=runs/digits/energy_difference")
BINARY = ("binary_from_noise", "binary")  # models of all classes against p0, at either scale
SYNTHESIS = Work("synthesize", "digits_synthesis", after=(STUDY, DETECTORS))
CIFAR10_SYNTHESIS = Work("synthesize", "cifar10_synthesis", after=(CIFAR10_STUDY, CIFAR10_BINARY, CIFAR10_SOFTMAX))
STARTS = {"synthesis": "from p0", "gaussians": "from class Gaussians"}
PRINTED_OF_SAMPLES = ("T2.5", "T2.11", "class Gaussians (T3.15)")


def _plane(found: Summaries) -> Reading:
    """D is to be a half on the data in three cases: of maximin from a concentrated p0 only maxima are told."""
    cases = found["plane"]["cases"]
    columns = {"D on the data": "mean_on_data", "its deviation there": "std_on_data", "spurious maxima": "num_spurious"}
    diverse, concentrated = (first(cases, problem="maximin", p0=p0) for p0 in ("diverse", "concentrated"))
    flat = [case for case in cases if case is not concentrated]
    figures = [
        Figure(
            f"{case['problem']}, {case['p0']} p0, {what}",
            case[key],
            HALF if what == "D on the data" and case in flat else None,
        )
        for case in cases
        for what, key in columns.items()
    ]
    if diverse["num_spurious"] > 0 or concentrated["num_spurious"] == 0:
        return Reading(figures, alone(-1.0))
    off = max(max(abs(case["mean_on_data"] - HALF), case["std_on_data"]) for case in flat)
    return Reading(figures, alone(TOLERANCE - off))


def _stable(found: Summaries) -> Reading:
    ours, theirs = found["binary"], found["energy_difference"]
    figures = [
        Figure(f"{name}, D on {what}", summary[key])
        for name, summary in (("binary AT", ours), ("EBM's objective", theirs))
        for what, key in (("data", "data_probability"), ("samples of p0", "out_probability"))
    ]
    if not _diverged(theirs):
        return Reading(figures, alone(-1.0))
    return Reading(figures, alone(0.0 if _diverged(ours) else ours["data_probability"] - ours["out_probability"]))


def _diverged(summary: Mapping[str, Any]) -> bool:
    """Whether that is why a training ended: others end at their last K."""
    return str(summary["ended"]).startswith("diverged")


def sample_quality(of_starts: Summaries, *printed: str) -> Reading:
    """By the job's own distance (FID, or a proxy of it), the best path of each model; the detectors come first.

    Of several sorts of starts the one decides from which the detectors do worst. What is printed stands by itself: with
    a proxy it does not compare.
    """
    figures: list[Figure] = []
    ahead: list[float] = []
    for starts, summary in of_starts.items():
        kind, best = _best_paths(summary["samples"])
        (_, detectors), *others = ((name, row[f"{kind}fid"]) for name, row in best.items())
        ahead.append(min(value for _, value in others) - detectors)
        for name, row in best.items():
            told = " ".join(filter(None, (name, starts)))
            figures.append(Figure(f"{told}, {kind.replace('_', ' ')}FID", row[f"{kind}fid"]))
            figures.append(Figure(f"{told}, {kind.replace('_', ' ')}Inception Score", row[f"{kind}inception_score"]))
    for one in S004["cifar10"]:
        if any(words in one.what for words in printed):
            numbers = {"FID": one.fid, "Inception Score": one.inception_score}
            told = ", ".join(filter(None, (one.what, one.ascent)))
            figures += [Figure(f"{name}, {told}", None, value) for name, value in numbers.items() if value is not None]
    return Reading(figures, alone(min(ahead)))


def _best_paths(rows: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """What numbers are called that are no published ones, and of each model the row of its least distance."""
    kind = "" if "fid" in rows[0] else "proxy_"
    best: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        known = best.get(row["model"], row)
        if row["model"]:
            best[row["model"]] = min(known, row, key=lambda one: one[f"{kind}fid"])
    return kind, best


def _samples(found: Summaries) -> Reading:
    return sample_quality({STARTS[name]: summary for name, summary in found.items()}, *PRINTED_OF_SAMPLES)


def _restoration(found: Summaries) -> Reading:
    """By the models that tell data from p0, at the strength that validation images choose of those that do anything.

    As the document does, without holding fixed what is known of an occluded image.
    """
    rows = [one for one in found["restoration"]["restored"] if one["measure"] == "ssim"]
    gains = {one["degradation"]: told(one, "gain", ends="gain_") for one in rows if one["method"] in BINARY}
    noise, hole = (
        mean(table[after]) - mean(table[before])
        for table, before, after in (
            (S004_DENOISING, "noise image", "denoised image"),
            (S004_INPAINTING, "occluded", "recovered"),
        )
    )
    published = {"noise 0.1": noise, "occlusion 0.1": hole}
    figures = [
        Figure(f"SSIM gained by {one['method']}, {one['degradation']}", one["gain"],
               published.get(one["degradation"]) if one["method"] in BINARY else None)
        for one in rows
    ]  # fmt: skip
    return Reading(figures, least(gains.values()))


def _neighbors(found: Summaries) -> Reading:
    near = found["synthesis"]["l2_to_training"]
    figures = [Figure(f"{one['model']}, L2 to the nearest training image", one["low_l2"]) for one in near["models"]]
    nearest = least(told(one, "ratio", ends="ratio_") for one in near["models"])
    return Reading([*figures, Figure("test images", near["real_low_l2"])], less(nearest, exact(0.5)))


ROWS: tuple[Row, ...] = (
    Row(
        id="D1",
        source=f"{YIN}, section 2.4, figures 2.1 and 2.2",
        claim="D comes to a half all over the data, as maximin and as minimax; elsewhere it keeps maxima if p0 is "
        "concentrated, none if it is diverse.",
        margin=".05 less the worst case's distance from a half or deviation of D on the data; -1 if the maxima differ",
        published_on="the plane",
        unit="number",
        small={"plane": Work("simulate_binary_training", "plane_binary_simulation")},
        paper={"plane": Work("simulate_binary_training", "plane_binary_simulation")},
        read=_plane,
    ),
    Row(
        id="D2",
        source=f"{YIN}, algorithms 1 and 3, section 2.5.6, there at a learning rate of 1e-6 (small scale: 1e-3)",
        claim="Binary adversarial training tells data from samples where an EBM's likelihood in its place diverges.",
        margin="how far D tells data from samples of p0, none if it diverged; -1 if the EBM's did not",
        published_on="",
        small={
            "binary": Work("train_binary", "digits_binary", (LONGER, "output=runs/digits/binary")),
            "energy_difference": Work("train_binary", "digits_binary", ENERGY_DIFFERENCE),
        },
        paper={
            "binary": CIFAR10_BINARY,
            "energy_difference": Work(
                "train_binary",
                "cifar10_binary",
                (
                    "contrast=energy_difference",
                    "optimizer.learning_rate=1e-6",  # even under which the document sees it diverge
                    "output=runs/cifar10/energy_difference",
                ),
            ),
        },
        read=_stable,
    ),
    Row(
        id="D3",
        source=f"{YIN}, sections 2.5.2 and 3.4.3, tables 2.4, 2.5, 2.11 and 3.15, figure 3.8 (small scale: 3.15 alone)",
        claim="From the same starts the samples of adversarially trained detectors lie nearer to data than those of a "
        "robust softmax classifier.",
        margin="proxy FID of the best softmax classifier less that of the detectors",
        published_on="CIFAR-10, FID and Inception Score by Inception",
        unit="number",
        small={"gaussians": SYNTHESIS},
        paper={
            "synthesis": CIFAR10_SYNTHESIS,
            "gaussians": Work(
                "synthesize",
                "cifar10_gaussian_synthesis",
                after=(CIFAR10_STUDY, CIFAR10_GENERATIVE, CIFAR10_SOFTMAX),
            ),
        },
        read=_samples,
    ),
    Row(
        id="D4",
        source=f"{YIN}, section 2.5.3, tables 2.7 and 2.8",
        claim="Ascending the logit of binary adversarial training restores noisy and occluded images.",
        margin="the least gain of SSIM over the degraded images of any degradation, by one step or more",
        published_on="CelebA-HQ 256, the first ten images",
        unit="number",
        small={"restoration": Work("restore_images", "digits_restoration", after=(STUDY, DETECTORS, FROM_NOISE))},
        paper={"restoration": Work("restore_images", "cifar10_restoration", after=(CIFAR10_BINARY, CIFAR10_SOFTMAX))},
        read=_restoration,
    ),
    Row(
        id="D5",
        source=f"{YIN}, section 2.5.4",
        claim="Samples are no copies of training images: they lie about as far from these as new real images do.",
        margin="first percentile of L2 to the nearest training image, samples' over test images', less a half",
        published_on="",
        unit="number",
        small={"synthesis": SYNTHESIS},
        paper={"synthesis": CIFAR10_SYNTHESIS},
        read=_neighbors,
    ),
)
