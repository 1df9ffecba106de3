"""The page of a restoration: what each method makes of degraded images, how strong it is best, and what that gains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis import published
from advgen_ray.analysis.estimate import Estimate
from advgen_ray.analysis.restoration import DEGRADED, AtBest
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_restoration import NAMES, dial_panel, rows_panel
from advgen_ray.report.style import file_name

DIGITS = {"ssim": 3, "psnr": 2}
ORACLES = ("nearest by true patch", "nearest by original")


@dataclass(frozen=True)
class Restorations:
    """What the page shows."""

    curves: pd.DataFrame  # ``analysis.restoration.by_strength``
    chosen: Sequence[AtBest]
    first: pd.DataFrame  # rows of the first test images: degradation, method, strength, image_id, ssim
    originals: np.ndarray  # ``[N, C, H, W]``, some of those
    pictures: Mapping[str, Mapping[str, Mapping[float, np.ndarray]]]  # by degradation, method and strength
    models: list[str]


def restoration_page(results: Restorations, config: Mapping[str, Any], version: str) -> Page:
    """``config`` is the job's."""
    name, count = config["data"]["name"], numbers.count(config["num_images"])
    degradations = list(dict.fromkeys(one.degradation for one in results.chosen))
    settings = full_config("restoration", config)
    return Page(
        title=f"advgen_ray: restoration on {name}",
        heading="Can a classifier restore an image?",
        data_name=name,
        version=version,
        answer=_answer(results, degradations),
        lead=f"{count} test images, each degraded in {numbers.counted(len(degradations), 'way')}; strengths chosen on "
        f"{numbers.count(config['num_validation_images'])} images held out of the training split.",
        key_figures=[_key_figure(results, degradation) for degradation in degradations],
        sections=[
            *(_section(results, degradation, config) for degradation in degradations),
            _published(),
            Section("run", "What was run", [], [settings]),
        ],
    )


def _of(results: Restorations, degradation: str, measure: str = "ssim") -> dict[str, AtBest]:
    """By method."""
    found = (one for one in results.chosen if (one.degradation, one.measure) == (degradation, measure))
    return {one.method: one for one in found}


def _by_models(results: Restorations, degradation: str) -> list[str]:
    known = {name for model in results.models for name in (model, f"{model}, held")}
    return [method for method in _of(results, degradation) if method in known]


def _by_others(results: Restorations, degradation: str) -> list[str]:
    apart = {DEGRADED, *_by_models(results, degradation)}
    return [method for method in _of(results, degradation) if method not in apart]


def _best(results: Restorations, degradation: str, methods: Sequence[str]) -> AtBest:
    """Of some methods that of the highest SSIM on validation images: chosen on the test images it would flatter."""
    table = _of(results, degradation)
    return max((table[method] for method in methods), key=lambda one: one.validation)


def _answer(results: Restorations, degradations: Sequence[str]) -> str:
    told = []
    for degradation in degradations:
        fair = [method for method in _by_others(results, degradation) if method not in ORACLES]
        model, other = (_best(results, degradation, m) for m in (_by_models(results, degradation), fair))
        before = _of(results, degradation)[DEGRADED].mean.value
        told.append(
            f"{degradation}: {numbers.decimal(before, 3)} left alone, {numbers.decimal(model.mean.value, 3)} by "
            f"{model.method}, {numbers.decimal(other.mean.value, 3)} by {other.method}"
        )
    chosen = "by the model and by the other method that are best on validation images"
    return f"Mean SSIM with the original, {chosen}. {'. '.join(told)}."


def _key_figure(results: Restorations, degradation: str) -> KeyFigure:
    best = _best(results, degradation, _by_models(results, degradation))
    ends = " to ".join(numbers.signed(end, 3) for end in (best.gain.low, best.gain.high))
    detail = f"SSIM gained over the degraded image by {best.method} (95% interval {ends})"
    return KeyFigure(degradation.capitalize(), numbers.signed(best.gain.value, 3), "SSIM", detail, "", None, "")


def _section(results: Restorations, degradation: str, config: Mapping[str, Any]) -> Section:
    anchor, methods = file_name(degradation), _by_models(results, degradation)
    curves = results.curves
    on_test = curves[(curves["half"] == "test") & (curves["degradation"] == degradation)]
    ascent = config["ascent"]
    raised = "the class that the model predicts" if ascent["target"] == "predicted" else "the true class (an oracle)"
    ball = "no ball" if ascent["eps"] is None else f"an L2 ball of {ascent['eps']:g}"
    blocks: list[Block] = [
        _pictures(results, degradation, methods),
        Figure(
            "Strength against likeness",
            f"{numbers.count(config['num_images'])} test images, mean and 95% interval, by the number of steps of "
            f"length {ascent['step_size']:g} up the logit of {raised} for the degraded image, in {ball}. "
            "The dotted line is the degraded image.",
            [dial_panel(f"{anchor}-{measure}", on_test, measure, methods) for measure in NAMES],
            size="wide",
        ),
        _numbers(results, degradation),
        _first(results, degradation, methods),
    ]
    return Section(anchor, degradation.capitalize(), _sentences(results, degradation, methods), blocks)


def _sentences(results: Restorations, degradation: str, methods: Sequence[str]) -> list[str]:
    own = [_of(results, degradation)[method] for method in methods]
    better = ", ".join(one.method for one in own if one.gain.low > 0)
    worse = ", ".join(one.method for one in own if one.gain.high < 0)
    idle = ", ".join(one.method for one in own if one.strength == 0)
    said = [
        "More like the original than the degraded image, where a 95% interval of paired differences in SSIM leaves out "
        f"zero: {better or 'what no model makes'}."
    ]
    said += [f"Less like it: {worse}."] if worse else []
    return said + ([f"Best left alone, by the validation images: {idle}."] if idle else [])


def _pictures(results: Restorations, degradation: str, methods: Sequence[str]) -> Figure:
    shown, table = results.pictures[degradation], _of(results, degradation)
    top = {"original": results.originals, "degraded": shown[DEGRADED][0.0]}
    panels = []
    for method in methods:
        rows = {f"{steps:g} step{'' if steps == 1 else 's'}": images for steps, images in shown[method].items()}
        panels.append(rows_panel(f"{file_name(degradation)}-{file_name(method)}", method, top | rows))
    others = {
        method: shown[method].get(table[method].strength, shown[DEGRADED][0.0])
        for method in _by_others(results, degradation)
    }
    panels.append(rows_panel(f"{file_name(degradation)}-others", "without a model", top | others))
    caption = "Nothing chosen. Methods without a model at the strength that the validation images choose."
    return Figure("The first test images", caption, panels, size="wide")


def _numbers(results: Restorations, degradation: str) -> Table:
    by_measure = [(_of(results, degradation, measure), digits) for measure, digits in DIGITS.items()]
    rows = []
    for method in by_measure[0][0]:
        cells = [f"{method}{' (oracle)' if method in ORACLES else ''}"]
        for table, digits in by_measure:
            one = table[method]
            gain = numbers.MISSING if method == DEGRADED else _interval(one.gain, digits, numbers.signed)
            strength = f"{one.strength:g}" if one.has_dial else ""
            cells += [strength, _interval(one.mean, digits, numbers.decimal), gain]
        rows.append(cells)
    return Table(
        "At the strength that validation images choose",
        f"Means over {numbers.count(by_measure[0][0][DEGRADED].count)} test images, 95% intervals of Student's t; "
        "gains over the degraded image are paired. At: steps of a model, multiples of the noise's standard deviation, "
        "which they are told, of classical methods; 0 leaves the image alone. Each measure has its own. Oracles see "
        "the original. PSNR ends at 58.9 dB, that of rounding to 8 bits. SSIM: Gaussian window of 11 pixels, or the "
        "largest odd one that fits.",
        ["Method", "at", "SSIM", "gain", "at", "PSNR (dB)", "gain"],
        rows,
    )


def _first(results: Restorations, degradation: str, methods: Sequence[str]) -> Table:
    """SSIM image by image, as S004 prints it."""
    own = results.first[results.first["degradation"] == degradation]
    rows = []
    for method in [DEGRADED, *methods, *_by_others(results, degradation)]:
        one = _of(results, degradation)[method]
        source = DEGRADED if one.has_dial and one.strength == 0 else method
        found = own[(own["method"] == source) & (own["strength"] == one.strength)]["ssim"]
        rows.append([method, *(numbers.decimal(value, 3) for value in found)])
    columns = ["Method", *(str(place) for place in range(1, len(rows[0])))]
    caption = "Image by image, as tables 2.7 and 2.8 of Yin (2022) have it; at the same strengths."
    return Table(f"SSIM of the first {len(columns) - 1}", caption, columns, rows)


def _published() -> Section:
    def table(title: str, rows: Mapping[str, tuple[float, ...]]) -> Table:
        cells = [
            [name, *(numbers.decimal(value, 3) for value in values), numbers.decimal(float(np.mean(values)), 3)]
            for name, values in rows.items()
        ]
        return Table(title, "", ["SSIM", *(str(place + 1) for place in range(10)), "mean"], cells)

    return Section(
        "published",
        "What was published",
        [
            "Yin (2022) prints SSIM of ten images of CelebA-HQ 256. These are other images of another size: they are "
            "here to be known, not to be compared with. There the patch of the nearest training image is nearer to the "
            "original than what the model recovers (means .835 and .828), although the text says otherwise."
        ],
        [
            table("Table 2.7: noise of 0.1", published.S004_DENOISING),
            table("Table 2.8: a square occluded", published.S004_INPAINTING),
        ],
    )


def _interval(one: Estimate, digits: int, written: Callable[[float, int], str]) -> str:
    return f"{written(one.value, digits)} ({written(one.low, digits)} to {written(one.high, digits)})"
