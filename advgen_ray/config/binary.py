"""Binary adversarial training: what is data, what p0 is, how far samples of p0 are taken, and when that grows."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import check_ball
from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.image_sources import (
    AlteredConfig,
    ImageFilesConfig,
    MixtureConfig,
    NoiseConfig,
    OtherDataConfig,
)
from advgen_ray.config.jobs import OUTPUT_AND_WORKERS
from advgen_ray.config.models import ClassifierModelConfig, ResNetConfig
from advgen_ray.config.parts import DataConfig, OptimizerConfig, WorkersConfig


class OtherClassesConfig(Config):
    """The data set's own images of all classes but ``class_index``: a detector of one class against the rest."""

    kind: Literal["other_classes"] = "other_classes"


P0Config = Annotated[
    OtherClassesConfig | OtherDataConfig | ImageFilesConfig | NoiseConfig | AlteredConfig | MixtureConfig,
    Field(discriminator="kind"),
]


class AscentFromP0Config(Config):
    """The ascent of the logit from p0, by normalised gradients (L2) or their signs (Linf); [0, 1] pixel units.

    S004 generates without a ball and detects within one. ``first_steps`` to ``last_steps`` is the progression of K
    (algorithm 3): one more after ``epochs_per_k`` epochs of the data, or once the AUC of D under the attack, averaged
    over the last ``auc_window`` updates, exceeds ``auc_to_advance``. At the last K training ends after
    ``last_k_epochs`` or above ``auc_to_end``, where they are given. ``random_start_share`` of the samples start from
    noise in the ball; a training of such starts alone learns their noise, and nothing else. With ``adam`` steps are
    Adam's, about ``step_size`` in each pixel, in validation too (S004 table 3.1).
    """

    norm: Literal["unconstrained", "l2", "linf"] = "unconstrained"
    eps: PositiveFloat | None = None
    step_size: PositiveFloat = 0.1
    first_steps: NonNegativeInt = 0
    last_steps: PositiveInt = 25
    epochs_per_k: PositiveFloat = 5.0
    auc_to_advance: float = Field(0.8, gt=0.5, le=1.0)
    auc_window: PositiveInt = 100
    last_k_epochs: PositiveFloat | None = None
    auc_to_end: float | None = Field(None, gt=0.5, lt=1.0)
    random_start_share: float = Field(0.0, ge=0.0, le=1.0)
    keep_best: bool = False
    adam: bool = False

    @model_validator(mode="after")
    def _ball_has_a_radius(self) -> Self:
        if (self.norm == "unconstrained") != (self.eps is None):
            raise ValueError(f"eps {self.eps} with norm {self.norm}: l2 and linf take a radius, unconstrained none")
        check_ball(self.norm, self.eps)
        if self.norm == "unconstrained" and self.random_start_share:
            raise ValueError(f"random_start_share {self.random_start_share}: there is no ball to start in; set it to 0")
        if self.first_steps > self.last_steps:
            raise ValueError(f"first_steps {self.first_steps} exceeds last_steps {self.last_steps}")
        return self


class DescentFromDataConfig(Config):
    """Combined AT (S004 section 3.3.2): the data descend the logit in an L2 or Linf ball before they are fed."""

    norm: Literal["l2", "linf"] = "l2"
    eps: PositiveFloat = 0.25
    num_steps: PositiveInt = 10
    step_size: PositiveFloat = 0.1


class WorstCaseConfig(Config):
    """AUC on images held out, each sample of p0 at its worst: clean, from itself, from noise, best of all iterates.

    The model kept is at last measured on ``num_test_images`` of the test split too, as its data are and with the data
    attacked as well (S004 section 3.4.4). Trainings in different balls are compared in one, of radius ``eps``.
    """

    num_images: PositiveInt = 200  # of the data, and of p0
    num_test_images: NonNegativeInt = 0  # the first of the data, and of p0; 0 measures nothing there
    eps: PositiveFloat | None = None  # null: the radius of the ascent in training
    num_steps: PositiveInt = 40
    step_size: PositiveFloat | None = None  # 2.5 eps / num_steps
    every_steps: PositiveInt = 200


class TrainBinaryConfig(Config):
    """Binary adversarial training (S004 algorithms 1 and 3): D tells data from samples of p0 that ascend it.

    The data are the training images, of one class where ``class_index`` is given. With ``validation`` the model of
    highest worst-case AUC is the one exported; without, the last one. ``pretrained`` is a classifier of the same
    network, from which all but the head is taken. ``augment`` resized_crop, S004's at 256 pixels, mirrors, and crops a
    little of every other image of the data, any part of each of p0. ``contrast`` energy_difference is an EBM's
    likelihood, which S004 shows to diverge (2.5.6): that ends the training, and the model says where.
    """

    PLACEMENT: ClassVar[frozenset[str]] = OUTPUT_AND_WORKERS | {"pretrained"}  # its digest says which it is

    data: DataConfig = DataConfig()
    class_index: NonNegativeInt | None = None
    p0: P0Config = OtherClassesConfig()
    model: ClassifierModelConfig = ResNetConfig(depth=50)
    pretrained: str = ""
    pretrained_digest: str = ""  # of that model; filled in from it
    ascent: AscentFromP0Config = AscentFromP0Config()
    descent: DescentFromDataConfig | None = None
    contrast: Literal["log_likelihood", "energy_difference"] = "log_likelihood"
    r1: NonNegativeFloat = 0.0
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=5e-4)
    adam_betas: tuple[float, float] = (0.0, 0.99)  # S004 table 2.3
    ema_decay: float = Field(0.0, ge=0.0, lt=1.0)
    precision: Literal["fp32", "bf16"] = "fp32"
    num_steps: PositiveInt = 172_000
    batch_size: PositiveInt = 32  # of the data, and of p0; global, over all workers
    augment: Literal["none", "flip_crop", "affine", "auto_augment", "resized_crop"] = "none"  # of both
    validation: WorstCaseConfig | None = None
    checkpoint_every_steps: PositiveInt = 500
    seed: Seed = 0
    output: Place = "runs/binary"
    workers: WorkersConfig = WorkersConfig()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.p0.kind == "other_classes" and self.class_index is None:
            raise ValueError("p0 other_classes: other than which? give class_index, or another p0")
        if self.validation and self.ascent.eps is None:
            raise ValueError("validation: a worst case needs a ball; set ascent.norm and eps, or validation=null")
        check_ball(self.ascent.norm, self.ascent.eps, self.data, "ascent.eps")
        if self.descent:
            check_ball(self.descent.norm, self.descent.eps, self.data, "descent.eps")
        if self.validation:
            check_ball(self.ascent.norm, self.validation.eps, self.data, "validation.eps")
        return self


def binary_passes(config: TrainBinaryConfig) -> int:
    """How often an image goes forward and back through the network; measurements are not among them.

    Every step of an ascent or descent is such a pass, and so is learning from data and from samples of p0, and R1.
    """
    steps = config.ascent.last_steps + (config.descent.num_steps if config.descent else 0)
    return config.num_steps * config.batch_size * (2 + steps + (config.r1 > 0))


class TrainOneVsRestConfig(Config):
    """S004 section 3.2.1: for each class a detector of it against all others, trained side by side.

    ``training`` says how one is trained; its class, its place and p0 follow from here. ``classes`` null takes all.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output"})

    training: TrainBinaryConfig = TrainBinaryConfig(class_index=0)
    classes: tuple[NonNegativeInt, ...] | None = None
    output: Place = "runs/one_vs_rest"

    @model_validator(mode="after")
    def _one_against_the_rest(self) -> Self:
        if self.training.p0.kind != "other_classes":
            raise ValueError(f"training.p0.kind {self.training.p0.kind}: a detector's p0 is other_classes")
        if self.classes is not None and len(set(self.classes)) < max(len(self.classes), 1):
            raise ValueError(f"classes {list(self.classes)}: expected different ones, at least one")
        return self
