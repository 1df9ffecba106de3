"""Every table and figure of the five documents as a row: what it claims, which jobs test it, how they are read."""

from advgen_ray.catalogue import (
    binary_training,
    counterfactuals,
    energy_in_training,
    energy_views,
    one_vs_rest,
    robust_classifiers,
    service,
)
from advgen_ray.catalogue.entry import Row

ROWS: tuple[Row, ...] = (
    *robust_classifiers.ROWS,
    *energy_views.ROWS,
    *energy_in_training.ROWS,
    *counterfactuals.ROWS,
    *binary_training.ROWS,
    *one_vs_rest.ROWS,
    *service.ROWS,
)
