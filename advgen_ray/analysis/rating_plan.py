"""Which pairs raters see and in what order: drawn evenly, shuffled, some of them twice, by keyed draws alone."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advgen_ray.rng import Stream

COUNTERFACTUAL, CATCH = "counterfactual", "catch"


def sample_evenly(rows: pd.DataFrame, by: Sequence[str], num: int, seed: int, purpose: str) -> pd.DataFrame:
    """``num`` of the rows, at random but in turns: first over the groups of ``by[0]``, within each over ``by[1]``, ...

    Groups get equal numbers to within one, as far as they have enough rows. Each row's draws depend on ``seed``,
    ``purpose`` and its ``key`` only, so the sample does not depend on the order of the rows.
    """
    draws = _draws(seed, purpose, rows["key"], num=2)
    drawn = rows.assign(_draw=draws[:, 0], _tie=draws[:, 1]).sort_values(["_draw", "key"])
    for depth in range(len(by), 0, -1):
        turn = drawn.groupby(list(by[:depth])).cumcount()
        drawn = drawn.assign(_turn=turn).sort_values(["_turn", "_tie", "key"])
    return drawn.head(num).drop(columns=["_draw", "_tie", "_turn"]).reset_index(drop=True)


def order_trials(rows: pd.DataFrame, num_repeats: int, seed: int) -> pd.DataFrame:
    """The rows as trials in the order of the page, ``num_repeats`` of the counterfactuals among them twice.

    First showings of those lie in the first part of the page and second ones in the last, with a third of all others
    between. Added columns: trial (0, 1, ...) and repeat (true at the second showing).
    """
    rows = rows.assign(_draw=_draws(seed, "rating repeat", rows["key"])[:, 0]).sort_values(["_draw", "key"])
    twice = rows[rows["kind"] == COUNTERFACTUAL].head(num_repeats)
    once = rows.drop(twice.index)
    parts = []
    for part in range(3):
        chosen = [once.iloc[part::3].assign(repeat=False)]
        chosen += [twice.assign(repeat=part == 2)] if part != 1 else []
        shown = pd.concat(chosen)
        parts.append(shown.assign(_draw=_draws(seed, f"rating order {part}", shown["key"])[:, 0]))
    trials = pd.concat([part.sort_values(["_draw", "key"]) for part in parts], ignore_index=True)
    return trials.drop(columns="_draw").assign(trial=np.arange(len(trials)))


def _draws(seed: int, purpose: str, keys: pd.Series, num: int = 1) -> np.ndarray:
    """Uniform draws ``[len(keys), num]``, each row by its key."""
    return Stream(seed, purpose).uniform(keys.tolist(), (num,)).numpy()
