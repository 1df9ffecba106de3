"""Every job that computes, by the name of its program in jobs/."""

from collections.abc import Callable
from typing import Any

from advgen_ray.stages import binary_simulation, loss_comparison, search, service, study, subset_comparison
from advgen_ray.stages.search_trial import RUNS

PROGRAMS: dict[str, Callable[[Any], dict[str, Any]]] = {
    **RUNS,
    "study": study.run,
    "search": search.run,
    "check_service": service.compare,  # what differs is a figure of its rows
    "compare_losses": loss_comparison.run,
    "compare_subsets": subset_comparison.run,
    "simulate_binary_training": binary_simulation.run,
}
