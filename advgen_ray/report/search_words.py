"""How a search's settings and objectives are called and written, whatever job it searches."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advgen_ray.report import numbers

SHARES = {"accuracy", "validity", "rate", "share", "l0", "fpr", "recognized", "judged"}  # words of fractions of one
TERMS = {"guidance_scale": "w", "sigma_ce": "sigma_CE"}
KIND = "neighborhood.kind"  # its values say what they are
NAMES = {
    KIND: "neighborhood",
    "guidance_until": "guided until t",
    "sampler.num_steps": "steps",
    "sampler.kind": "sampler",
    "sampler.start_time": "start at t",
}
KINDS = {
    "gaussian": "Gaussian", "boltzmann_hardtanh": "Boltzmann", "boltzmann_exact": "exact Boltzmann",
    "bounded": "bounded",
}  # fmt: skip
KNOWN = {
    "pgd": "PGD",
    "auc": "AUC",
    "l1": "L1",
    "l2": "L2",
    "l0": "L0",
    "linf": "Linf",
    "auroc": "AUROC",
    "beta": "beta",
}


@dataclass(frozen=True)
class Objective:
    """A column of a search's table, and whether the larger or the smaller is wanted."""

    metric: str
    maximize: bool

    @property
    def name(self) -> str:
        """``validation_pgd_accuracy`` -> ``PGD accuracy (validation)``, ``l2_mean`` -> ``mean L2``."""
        words = [KNOWN.get(word, word) for word in self.metric.replace(".", " ").split("_")]
        if words[0] == "validation":
            words = [*words[1:], "(validation)"]
        return " ".join([words[-1], *words[:-1]] if words[-1] in ("mean", "median") else words)

    @property
    def is_share(self) -> bool:
        """Whether it is written in percent."""
        parts = self.metric.split(".")
        return any(part != "rate" and not SHARES.isdisjoint(part.split("_")) for part in (parts[0], parts[-1]))

    def written(self, value: float) -> str:
        """A value of it."""
        if not math.isfinite(value):
            return numbers.MISSING
        return numbers.percent(value) if self.is_share else f"{value:.4g}".replace("-", "−")


def setting_name(key: str, keys: Sequence[str] = ()) -> str:
    """A key's own name, or its last part, or the last two where several keys end alike: ``guidance_scale -> w``."""
    if key in NAMES:
        return NAMES[key]
    parts = key.split(".")
    alike = [other for other in keys if other.rpartition(".")[2] == parts[-1]]
    return " ".join(TERMS.get(part, part.replace("_", " ")) for part in parts[-2 if len(alike) > 1 else -1 :])


def setting_text(value: Any) -> str:
    """A value of a setting: ``gaussian -> Gaussian``, ``4.0 -> 4``."""
    return f"{value:.3g}" if isinstance(value, float) else KINDS.get(value) or str(value).replace("_", " ")


def settings_text(settings: Mapping[str, Any]) -> str:
    """``Gaussian, sigma_CE 0.1, w 4``; what has no value is left out."""
    keys = list(settings)
    known = {key: value for key, value in settings.items() if value is not None and value == value}
    return ", ".join(
        setting_text(value) if key == KIND else f"{setting_name(key, keys)} {setting_text(value)}"
        for key, value in known.items()
    )
