"""How well detectors reject what fools a classifier: rates by threshold, for integrated and generative detection."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

PREDICTED, CHOSEN = ("predicted", "predicted_logit"), ("chosen", "chosen_logit")
METHODS = {
    "integrated": ("one_vs_rest", *PREDICTED),
    "generative": ("one_vs_rest", *CHOSEN),
    "energy": ("energy", *PREDICTED),
    "kd_bu": ("kd_bu", *PREDICTED),
    "lid": ("lid", *PREDICTED),
}
"""By method who reads an image, where the class stands that it is taken for, and the logit that lets it pass."""
TRANSFERRED = "made against the others"
WORST = "worst of all"
TPR = 0.95


@dataclass(frozen=True)
class Curve:
    """Rates at thresholds that fall: ``tpr`` of images as they are, ``fpr`` of attacked ones, ``[T]`` each."""

    tpr: np.ndarray
    fpr: np.ndarray

    @property
    def auc(self) -> float:
        """Area under TPR over FPR, on to the point where everything passes; 1 where no attack passes at all."""
        fpr, tpr = np.concatenate([[0.0], self.fpr, [1.0]]), np.concatenate([[0.0], self.tpr, [1.0]])
        return float(np.trapezoid(tpr, fpr))

    def fpr_at(self, tpr: float) -> float:
        """The lowest false positive rate at which so many images as they are pass."""
        return float(self.fpr[np.argmax(self.tpr >= tpr)])


def curves(rows: pd.DataFrame) -> dict[tuple[str, str], Curve]:
    """By method and attack, and by method under the worst of all attacks, image by image.

    Of attacks that know a detector each method meets those that know its own one by one; those that were made against
    other detectors are one entry, the worst of them image by image.

    TPR and FPR are S004's (equations 3.28, 3.29): the share of images as they are that pass, and the share of attacked
    ones that pass and are taken for another class than their label, of all that were attacked.
    """
    found: dict[tuple[str, str], Curve] = {}
    for method, (detector, choice, logit) in methods_of(rows).items():
        read = rows[rows["detector"] == detector]
        own = read.loc[read["attack"] == "", logit].to_numpy(dtype=np.float64)
        passing: dict[str, pd.Series] = {}
        for (attack, knows), others in read[read["attack"] != ""].groupby(["attack", "knows"], sort=False):
            fooled = others[choice] != others["label"]
            values = pd.Series(np.where(fooled, others[logit], -np.inf), index=others["image_id"])
            name = str(attack) if knows in ("", detector) else TRANSFERRED
            passing[name] = values.combine(passing[name], max) if name in passing else values
        passing = {name: passing[name] for name in sorted(passing, key=lambda name: name == TRANSFERRED)}
        passing[WORST] = pd.concat(passing, axis=1).max(axis=1)
        for attack, values in passing.items():
            found[method, attack] = _curve(own, values.to_numpy(dtype=np.float64))
    return found


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each method and attack: ``fooled``, ``fpr_at_tpr_95``, ``auc``; ``accuracy`` on images as they are."""
    found: list[dict[str, Any]] = []
    for (method, attack), curve in curves(rows).items():
        detector, choice, _ = METHODS[method]
        natural = rows[(rows["attack"] == "") & (rows["detector"] == detector)]
        found.append(
            {
                "method": method,
                "attack": attack,
                "accuracy": float(np.mean(natural[choice] == natural["label"])),
                "fooled": float(curve.fpr[-1]),
                "fpr_at_tpr_95": curve.fpr_at(TPR),
                "auc": curve.auc,
            }
        )
    return pd.DataFrame(found)


def methods_of(rows: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """Those of ``METHODS`` whose detector read the rows."""
    present = set(rows["detector"].unique())
    return {method: of for method, of in METHODS.items() if of[0] in present}


def _curve(own: np.ndarray, passing: np.ndarray) -> Curve:
    """At every logit met, from the highest to the lowest; what fools nobody passes at none."""
    finite = passing[np.isfinite(passing)]
    thresholds = np.unique(np.concatenate([own, finite]))[::-1]
    tpr, fpr = (np.array([np.mean(values >= at) for at in thresholds]) for values in (own, passing))
    return Curve(tpr, fpr)
