"""The stage that simulates binary AT in the plane: four cases, each kept when it is done, then the page."""

import io
import time
from importlib.metadata import version
from typing import Any

import numpy as np

from advgen_ray.analysis.binary_simulation import Case, Claim, Measures, claims, energy_distance, measure
from advgen_ray.config import SimulateBinaryTrainingConfig
from advgen_ray.errors import DAMAGED_ZIP, UserError
from advgen_ray.report.binary_simulation_page import binary_simulation_page
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.stages.ownership import take_output
from advgen_ray.storage.filesystem import exists, join, read_bytes, write_atomic
from advgen_ray.training.binary_simulation import P0, PROBLEMS, grid_points, simulate

PLAN = "plan.json"
CASES: tuple[Case, ...] = tuple((problem, p0) for problem in PROBLEMS for p0 in P0)


def run(config: SimulateBinaryTrainingConfig) -> dict[str, Any]:
    """Simulate the cases that are missing at ``config.output``, write page and summary; returns the summary.

    Raises UserError, before anything is computed, for another config's output, a case that cannot be read, or a place
    that cannot be written.
    """
    take_output(config, config.output, PLAN, "binary_simulation")
    states = {case: _stored(config, case) for case in CASES}
    with tracked_job("binary_simulation", config, unless_finished=all(states.values())) as tracked:
        if all(states.values()):
            print(f"binary_simulation: {config.output} is complete, nothing to compute", flush=True)
        known = {case: seen or _simulated(config, case) for case, seen in states.items()}
        points = grid_points(config.grid_size)
        first, last = (
            {case: measure(seen, points, config.data_sigma, frame) for case, seen in known.items()} for frame in (0, -1)
        )
        found = claims(first, last)
        seen = known[CASES[0]]
        floor = energy_distance(seen["data"], seen["other_data"])
        page = binary_simulation_page(
            known, points, first, last, found, floor, config.model_dump(mode="json"), version("advgen_ray")
        )
        summary = _summary(config, first, last, found, floor)
        publish(config.output, summary, page, tracked)
        tracked.log_metrics({"claims_held": summary["claims_held"]} | _metrics(last))
    return summary


def _file(config: SimulateBinaryTrainingConfig, case: Case) -> str:
    return join(config.output, "cases", f"{'-'.join(case)}.npz")


def _stored(config: SimulateBinaryTrainingConfig, case: Case) -> dict[str, np.ndarray] | None:
    """What an earlier run saw of a case, if it finished it."""
    file = _file(config, case)
    if not exists(file):
        return None
    try:
        with np.load(io.BytesIO(read_bytes(file))) as arrays:
            return dict(arrays)
    except (ValueError, *DAMAGED_ZIP) as error:
        raise UserError(f"{file}: unreadable ({error}); remove it and rerun the command") from None


def _simulated(config: SimulateBinaryTrainingConfig, case: Case) -> dict[str, np.ndarray]:
    begin = time.monotonic()
    seen = simulate(config, *case)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **seen)
    write_atomic(_file(config, case), buffer.getvalue())
    print(f"binary_simulation  {' '.join(case)} done in {time.monotonic() - begin:.1f} s", flush=True)
    return seen


def _metrics(last: dict[Case, Measures]) -> dict[str, float]:
    return {
        f"{'/'.join(case)}/{name}": value
        for case, end in last.items()
        for name, value in (
            ("mean_on_data", end.mean_on_data),
            ("std_on_data", end.std_on_data),
            ("num_spurious", len(end.spurious)),
            ("energy_distance", end.energy_distance),
        )
    }


def _summary(
    config: SimulateBinaryTrainingConfig,
    first: dict[Case, Measures],
    last: dict[Case, Measures],
    found: list[Claim],
    floor: float,
) -> dict[str, Any]:
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "claims_held": sum(one.holds for one in found),
        "num_claims": len(found),
        "claims": [
            {"problem": one.case[0], "p0": one.case[1], "claim": one.text, "measured": one.measured, "holds": one.holds}
            for one in found
        ],
        "cases": [
            {
                "problem": case[0],
                "p0": case[1],
                "mean_on_data": round(end.mean_on_data, 6),
                "std_on_data": round(end.std_on_data, 6),
                "highest_off_support": round(end.highest_off_support, 6),
                "num_spurious": len(end.spurious),
                "spurious_heights": [round(height, 6) for height in end.spurious],
                "num_maxima_off_support": len(end.maxima_off_support),
                "num_maxima_untrained": len(first[case].maxima_off_support),
                "energy_distance_first": round(first[case].energy_distance, 6),
                "energy_distance": round(end.energy_distance, 6),
            }
            for case, end in last.items()
        ],
        "energy_distance_of_two_samples": round(floor, 6),
    }
