"""A row that is tested on several data sets: what each says; the one that supports the claim least decides."""

from collections.abc import Callable
from dataclasses import replace

from advgen_ray.catalogue.entry import Reading, Summaries
from advgen_ray.catalogue.margins import least


def of_each_study(read: Callable[[Summaries], Reading]) -> Callable[[Summaries], Reading]:
    """``read`` takes one study; every one of a row is read, and figures of all but the first are named after theirs."""

    def reading(found: Summaries) -> Reading:
        readings = {name: read({"study": study}) for name, study in found.items()}
        figures = [
            figure if name == "study" else replace(figure, name=f"{name}, {figure.name}")
            for name, one in readings.items()
            for figure in one.figures
        ]
        return Reading(figures, least(one.margin for one in readings.values()))

    return reading
