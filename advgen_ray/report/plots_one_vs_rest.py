"""Pictures of detectors of one class each: their AUC by attack, and the logits behind it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import BLUE, INK, ORANGE, SKY, SMALL, WIDE, draw

NUM_BINS = 40


def auc_panel(table: pd.DataFrame) -> Panel:
    """Dots for each detector: every attack's worst case with its interval, and the last iterate's beside it."""
    attacks = list(dict.fromkeys(table["attack"]))

    def paint(axes: Axes) -> None:
        for place, attack in enumerate(attacks):
            rows = table[table["attack"] == attack]
            x = rows["detector"].to_numpy() + 0.6 * ((place + 0.5) / len(attacks) - 0.5)
            worst = rows["auc_worst"].to_numpy()
            spread = [worst - rows["low"].to_numpy(), rows["high"].to_numpy() - worst]
            axes.errorbar(x, worst, yerr=np.clip(spread, 0, None), fmt="o", color=BLUE, ms=4, lw=1)
            axes.plot(x, rows["auc_last"], "_", color=ORANGE, ms=8)
        axes.plot([], [], "o", color=BLUE, label="worst of all iterates")
        axes.plot([], [], "_", color=ORANGE, label="last iterate from the image")
        several = "; its attacks from left to right" if len(attacks) > 1 else ""
        axes.set(xlabel=f"class of the detector{several}", ylabel="AUC")
        axes.set_xticks(sorted(table["detector"].unique()))
        axes.legend(frameon=False, fontsize=8)

    lowest = table.groupby("attack", sort=False)["auc_worst"].min()
    told = "; ".join(f"{attack}: lowest of the detectors {value:.4f}" for attack, value in lowest.items())
    return draw("one-vs-rest-auc", f"AUC by detector and attack. {told}.", WIDE, paint)


def steps_panel(table: pd.DataFrame, num_steps: Mapping[str, int]) -> Panel:
    """AUC over the steps of attacks that differ in nothing else, ``num_steps`` by their names.

    A detector that keeps its AUC only under few steps has learnt the attack, not the class.
    """
    rows = table[table["attack"].isin(num_steps)].assign(steps=lambda one: one["attack"].map(num_steps))
    worst = rows.pivot(index="steps", columns="detector", values="auc_worst").sort_index()
    last = rows.groupby("steps")["auc_last"].min()

    def paint(axes: Axes) -> None:
        axes.plot(worst.index, worst.to_numpy(), color=SKY, lw=0.9)
        axes.plot([], [], color=SKY, lw=0.9, label="each detector, worst")
        axes.plot(worst.index, worst.min(axis=1), color=BLUE, marker="o", label="the lowest, worst")
        axes.plot(last.index, last, color=ORANGE, linestyle="--", marker="_", label="the lowest, last iterate")
        axes.set(xscale="log", xlabel="steps of PGD", ylabel="AUC")
        axes.legend(frameon=False, fontsize=8)

    told = "; ".join(f"{steps} steps {value:.4f}" for steps, value in worst.min(axis=1).items())
    return draw("one-vs-rest-steps", f"Lowest worst-case AUC by steps of the attack: {told}.", WIDE, paint)


def logit_panel(rows: pd.DataFrame, detector: int, attack: str) -> Panel:
    """Histograms of one detector's logits: its class, other images as they are, and at their worst."""
    of_detector = rows[rows["detector"] == detector]
    others = of_detector[of_detector["attack"] == attack]
    parts = {
        "its class": (of_detector.loc[of_detector["attack"] == "", "clean_logit"], BLUE),
        "others, clean": (others["clean_logit"], SKY),
        "others, worst": (others["worst_logit"], ORANGE),
    }
    low = min(float(values.min()) for values, _ in parts.values())
    high = max(float(values.max()) for values, _ in parts.values())

    def paint(axes: Axes) -> None:
        bins = np.linspace(low, high if high > low else low + 1, NUM_BINS + 1)
        for name, (values, colour) in parts.items():
            axes.hist(values, bins=list(bins), color=colour, alpha=0.65, density=True, label=name)
        axes.axvline(0.0, color=INK, lw=0.8)
        axes.set(xlabel="logit", ylabel="density", title=f"class {detector}")
        axes.legend(frameon=False, fontsize=8)

    alt = f"Logits of the detector of class {detector} under {attack}: " + "; ".join(
        f"{name} {float(values.median()):.2f} in the median" for name, (values, _) in parts.items()
    )
    return draw(f"one-vs-rest-logits-{detector}", f"{alt}.", SMALL, paint)
