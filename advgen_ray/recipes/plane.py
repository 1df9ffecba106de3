"""Points of the plane: what can be seen whole."""

from advgen_ray.config import SimulateBinaryTrainingConfig


def plane_binary_simulation() -> SimulateBinaryTrainingConfig:
    """S004 figures 2.1, 2.2: D = 1/2 on the data; no maxima elsewhere with a diverse p0, some with a concentrated one.

    Half a minute of one core. Untrained, D has a dozen local maxima; an ascent covers at most 0.6 of the square's side.
    """
    return SimulateBinaryTrainingConfig(output="runs/plane/binary_simulation")
