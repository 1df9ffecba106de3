"""What the settings of counterfactuals are called on a page."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

KIND = "neighborhood.kind"
NAMES = {
    KIND: "neighborhood",
    "neighborhood.sigma_ce": "sigma_CE",
    "guidance_scale": "w",
    "guidance_until": "guided until t",
    "sampler.num_steps": "steps",
    "sampler.kind": "sampler",
    "sampler.start_time": "start at t",
    "sampler.network_every": "network every",
}
TITLES = {
    KIND: "Neighborhood", "neighborhood.sigma_ce": "Neighborhood scale sigma_CE", "guidance_scale": "Guidance w",
    "sampler.num_steps": "Sampling steps",
}  # fmt: skip
KINDS = {
    "gaussian": "Gaussian", "boltzmann_hardtanh": "Boltzmann", "boltzmann_exact": "exact Boltzmann",
    "bounded": "bounded",
}  # fmt: skip
OBJECTIVES = {"validity": "validity", "l2_mean": "mean L2", "l0_mean": "mean L0"}


def setting_name(key: str) -> str:
    """``"guidance_scale" -> "w"``; a key without a name of its own goes by its last part."""
    return NAMES.get(key, key.rpartition(".")[2].replace("_", " "))


def setting_value(key: str, value: Any) -> str:
    """``"gaussian" -> "Gaussian"``, ``4.0 -> "4"``."""
    if key == KIND:
        return KINDS.get(str(value), str(value))
    return f"{value:g}" if isinstance(value, (int, float)) else str(value).replace("_", " ")


def settings_words(settings: Mapping[str, Any]) -> str:
    """``"Gaussian, sigma_CE 0.1, w 4, steps 40"``."""
    named = [
        setting_value(key, value) if key == KIND else f"{setting_name(key)} {setting_value(key, value)}"
        for key, value in settings.items()
    ]
    return ", ".join(named)


def by_kind(trials: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The trials of each neighborhood under its name, always in one order."""
    known = [kind for kind in KINDS if (trials[KIND] == kind).any()]
    return [(KINDS[kind], trials[trials[KIND] == kind]) for kind in known]
