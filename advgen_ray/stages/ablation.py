"""What a search over the generation of counterfactuals ends in besides: two marked settings, and what each one does."""

import json
from dataclasses import asdict
from typing import Any

import pandas as pd

from advgen_ray.analysis.ce_ablation import COUNTS, effects
from advgen_ray.config import SearchConfig
from advgen_ray.config.counterfactuals import PAPER_POINT
from advgen_ray.stages.judged import SECONDS

ABLATED = "generate_counterfactuals"  # the job of which a search is an ablation


def base_of(config: SearchConfig) -> dict[str, Any]:
    """The base's value of every setting that is looked at, or that the paper names."""
    return {key: config.base_setting(key) for key in dict.fromkeys([*config.keys, *PAPER_POINT])}


def with_marks(table: pd.DataFrame, config: SearchConfig) -> pd.DataFrame:
    """The trials with base and paper (whether they have these settings), and the settings that the paper names."""
    base = base_of(config)
    found = table.assign(**{key: value for key, value in base.items() if key not in table})
    for name, settings in (("base", base), ("paper", base | PAPER_POINT)):
        found[name] = [all(row[key] == value for key, value in settings.items()) for _, row in found.iterrows()]
    return found.astype(dict.fromkeys((*COUNTS, "network_evaluations"), "Int64"))


def ablation_summary(table: pd.DataFrame, config: SearchConfig) -> dict[str, Any]:
    """The two marked trials, what each setting does, and seconds a counterfactual."""
    base, finished = base_of(config), table[table["status"] == "finished"]
    shown = finished[["trial", *base, *(objective.metric for objective in config.objectives)]]
    return {
        **{name: next(iter(plain(shown[finished[name]])), None) for name in ("base", "paper")},
        "effects": [asdict(effect) for effect in effects(finished, list(base), base)],
        SECONDS: dict(zip(finished["trial"], finished[SECONDS].round(6), strict=True)),
    }


def plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values; what is not finite is null."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return found
