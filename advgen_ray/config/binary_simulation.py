"""Binary adversarial training in the plane: S004's two problems, each with two distributions p0."""

from typing import ClassVar, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.base import Config, Place, Seed


class MaximinConfig(Config):
    """S004 algorithm 1: fresh samples of p0 ascend for ``attack_steps``, then D takes one step."""

    num_updates: PositiveInt = 400
    attack_steps: PositiveInt = 30  # K
    step_size: float = Field(0.02, gt=0.0, le=1.0)  # lambda; the square's side is 1


class MinimaxConfig(Config):
    """S004 algorithm 2: D takes ``updates_per_move`` steps on the same samples, then they move one step."""

    num_moves: PositiveInt = 200
    updates_per_move: PositiveInt = 20  # in place of S004's "until converge"
    step_size: float = Field(0.02, gt=0.0, le=1.0)


class SimulateBinaryTrainingConfig(Config):
    """Binary AT of points in the plane: maximin and minimax, p0 diverse and concentrated (S004 figures 2.1, 2.2).

    The plane is the unit square. Data are Gaussian about its middle; the diverse p0 is uniform over the square, the
    concentrated one over its lower left corner. S004 names these shapes; sizes, network and steps are ours.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output"})

    data_sigma: float = Field(0.05, gt=0.0, le=0.15)  # three of them fit in the square
    corner_width: float = Field(0.2, gt=0.0, le=0.5)  # side of the corner that the concentrated p0 fills
    batch_size: PositiveInt = 200  # points of the data and of p0
    width: PositiveInt = 64  # of both hidden layers
    roughness: PositiveFloat = 16.0  # scale of the first layer at the start: D begins with maxima anywhere
    learning_rate: PositiveFloat = 1e-3  # of Adam(0, 0.99), S004 table 2.3's betas
    maximin: MaximinConfig = MaximinConfig()
    minimax: MinimaxConfig = MinimaxConfig()
    num_frames: int = Field(21, ge=2, le=60)  # states that are kept, the first and the last included
    grid_size: int = Field(65, ge=17, le=257)  # points a side at which D is kept
    seed: Seed = 0
    output: Place = "runs/binary_simulation"

    @model_validator(mode="after")
    def _frames_differ(self) -> Self:
        fewest = min(self.maximin.num_updates, self.minimax.num_moves) + 1
        if self.num_frames > fewest:
            raise ValueError(f"num_frames: {self.num_frames} states are to be kept, the shorter problem has {fewest}")
        return self
