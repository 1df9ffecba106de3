"""The parts that several jobs share: data, the score model, neighborhoods, optimisers, machines."""

from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.base import Config


class DataConfig(Config):
    """Which labelled images; ``npz`` reads ``root/train.npz`` and ``root/test.npz`` with ``images`` and ``labels``.

    ``folder`` reads pictures of one size, ``root/train/CLASS/*.png`` and ``root/test/CLASS/*.png``. Whatever lies by
    class is mixed, so that the first images are of all classes; an ``npz`` alone keeps its rows' order.
    ``imagenette`` is cropped to 150 pixels as in S003, ``imagenette_160`` to all that there is.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"root", "download"})

    name: Literal[
        "digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "svhn", "tiny_imagenet", "imagenette",
        "imagenette_160", "npz", "folder",
    ] = "digits"  # fmt: skip
    root: str = "data"
    download: bool = False


class UNetConfig(Config):
    """Class-conditional U-Net of S000 section 6; one attention after stage ``attention_stage`` and in the middle.

    Stages are as many as ``channel_multipliers``, from 0; their number stands for the middle alone.
    """

    base_channels: PositiveInt = 128
    channel_multipliers: tuple[PositiveInt, ...] = (1, 2, 2, 2)
    num_blocks: PositiveInt = 2
    attention_stage: int = Field(1, ge=0)
    channels_per_group: PositiveInt = 32
    dropout: float = Field(0.0, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _has_its_stages(self) -> Self:
        num_stages = len(self.channel_multipliers)
        if not num_stages:
            raise ValueError("channel_multipliers is empty, expected one for each stage, [1, 2, 2, 2] say")
        if self.attention_stage > num_stages:
            raise ValueError(
                f"attention_stage {self.attention_stage}: there are {num_stages} stages; expected 0 to "
                f"{num_stages - 1}, or {num_stages} for attention in the middle alone"
            )
        return self


class NeighborhoodConfig(Config):
    """The distribution around a source that holds its counterfactuals; ``sigma_ce`` in [0, 1] pixel units.

    Its geometry: L2 (gaussian), L1 (boltzmann, as printed or exact) or Linf (bounded: within sqrt(3) sigma_ce).
    """

    kind: Literal["gaussian", "boltzmann_hardtanh", "boltzmann_exact", "bounded"] = "boltzmann_hardtanh"
    sigma_ce: PositiveFloat = 0.2


class OptimizerConfig(Config):
    """Optimiser and schedule: constant, or linear warmup, or one-cycle with its maximum at ``learning_rate``.

    ``cycle_momentum`` is what torch's one-cycle does unless told not to: SGD's momentum goes from .95 to .85 and back,
    and ``momentum`` is not used. The codes of papers that say 0.9 run with it.
    """

    kind: Literal["adam", "sgd"] = "adam"
    learning_rate: PositiveFloat = 1e-3
    weight_decay: float = Field(0.0, ge=0.0)
    momentum: float = Field(0.9, ge=0.0, lt=1.0)
    schedule: Literal["constant", "one_cycle"] = "constant"
    warmup_steps: int = Field(0, ge=0)
    one_cycle_rise: float = Field(0.3, gt=0.0, lt=1.0)  # share of the steps before the maximum, without warmup_steps
    cycle_momentum: bool = False
    clip_norm: PositiveFloat | None = None

    @model_validator(mode="after")
    def _momentum_can_cycle(self) -> Self:
        if self.cycle_momentum and (self.kind != "sgd" or self.schedule != "one_cycle"):
            raise ValueError(f"cycle_momentum needs sgd and one_cycle, got {self.kind} and {self.schedule}")
        return self


class WorkersConfig(Config):
    """A Ray Train worker group; ``gpus_per_worker`` null takes one each when the cluster has them.

    Where there are several models to train, ``num_groups`` such groups share them and work side by side. With
    ``min_workers`` a group is elastic: where nodes are missing, spot ones say, it goes on from its last checkpoint with
    as few, and grows again with the cluster. A batch is shared among whoever is there, so the model is the same up to
    floating-point rounding.
    """

    num_workers: PositiveInt = 2
    min_workers: PositiveInt | None = None
    resize_seconds: PositiveFloat = (
        60.0  # between two looks whether it can grow, at the cost of steps since a checkpoint
    )
    num_groups: PositiveInt = 1
    cpus_per_worker: PositiveInt = 1
    gpus_per_worker: float | None = Field(None, ge=0.0)
    max_failures: int = Field(3, ge=-1)

    @model_validator(mode="after")
    def _min_within_workers(self) -> Self:
        if self.min_workers is not None and self.min_workers > self.num_workers:
            raise ValueError(f"min_workers {self.min_workers} exceeds num_workers {self.num_workers}")
        return self

    @model_validator(mode="after")
    def _a_gpu_each(self) -> Self:
        if self.num_workers > 1 and 0 < (self.gpus_per_worker or 0) < 1:
            raise ValueError(
                f"gpus_per_worker {self.gpus_per_worker:g} with num_workers {self.num_workers}: workers that train one "
                "model cannot share a GPU; give each its own, or set num_workers=1 (num_groups may share one)"
            )
        return self

    @property
    def fewest(self) -> int:
        """How many must be there for a group to work."""
        return self.min_workers or self.num_workers


class PoolConfig(Config):
    """An autoscaling pool of Ray Data actors; ``gpus_per_actor`` null takes one each when the cluster has them."""

    min_actors: PositiveInt = 1
    max_actors: PositiveInt = 2
    cpus_per_actor: PositiveInt = 1
    gpus_per_actor: float | None = Field(None, ge=0.0)

    @model_validator(mode="after")
    def _min_within_max(self) -> Self:
        if self.min_actors > self.max_actors:
            raise ValueError(f"min_actors {self.min_actors} exceeds max_actors {self.max_actors}; raise max_actors")
        return self
