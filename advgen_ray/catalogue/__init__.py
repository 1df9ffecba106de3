"""Every table and figure of the five documents as a row: what it claims, which jobs test it, how they are read."""

import difflib
from collections.abc import Sequence

from advgen_ray.catalogue import (
    binary_training,
    counterfactual_effects,
    counterfactuals,
    energy_in_training,
    energy_views,
    generative_classification,
    one_vs_rest,
    ood,
    robust_classifiers,
    service,
)
from advgen_ray.catalogue.entry import Row
from advgen_ray.errors import UserError

ROWS: tuple[Row, ...] = (
    *robust_classifiers.ROWS,
    *energy_views.ROWS,
    *energy_in_training.ROWS,
    *counterfactuals.ROWS,
    *counterfactual_effects.ROWS,
    *binary_training.ROWS,
    *one_vs_rest.ROWS,
    *ood.ROWS,
    *generative_classification.ROWS,
    *service.ROWS,
)


def chosen(ids: Sequence[str]) -> list[Row]:
    """The rows of these ids in the catalogue's order, all of them where none is named; raises UserError."""
    known = [row.id for row in ROWS]
    for one in ids:
        if one not in known:
            near = difflib.get_close_matches(one.upper(), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"the catalogue has {known[0]} to {known[-1]}"
            raise UserError(f"rows: no row {one!r}; {hint}")
    return [row for row in ROWS if row.id in ids or not ids]
