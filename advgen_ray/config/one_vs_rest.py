"""How well detectors of one class each tell it from others under attack, alone and beside a classifier."""

from typing import ClassVar, Literal, Self

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from advgen_ray.config.attacks import check_attacks, check_ball, check_different
from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.detectors import FittedDetectorsConfig
from advgen_ray.config.parts import DataConfig, PoolConfig

MIN_RUNGS = 3  # of a ladder of steps that is worth a curve


class LogitAttackConfig(Config):
    """PGD on a detector's logit: from the image itself, and ``num_noise_starts`` times from noise in the ball.

    Steps follow the normalized gradient (L2) or its sign (Linf); with ``adam`` they are Adam's, about ``step_size`` in
    each pixel, as S004's on MNIST are but for table 3.3.
    """

    norm: Literal["l2", "linf"] = "linf"
    eps: PositiveFloat = 0.3
    num_steps: PositiveInt = 200
    step_size: PositiveFloat = 0.01
    num_noise_starts: NonNegativeInt = 1
    adam: bool = False

    @property
    def label(self) -> str:
        """What tables call it: ``linf 0.3, 200 x 0.01, 1 noise start``, or ``linf 0.3, 200 x 0.01 by Adam, ...``."""
        starts = f"{self.num_noise_starts} noise start{'' if self.num_noise_starts == 1 else 's'}"
        steps = f"{self.num_steps} x {self.step_size:g}{' by Adam' if self.adam else ''}"
        return f"{self.norm} {self.eps:g}, {steps}, {starts}"


class EvaluateOneVsRestConfig(Config):
    """AUC of detectors of ``train_one_vs_rest`` (S004 section 3.2.3), each image of other classes at its worst.

    Worst of the clean image and of every iterate from every start: the AUC of one attack alone flatters a detector that
    has learnt that attack. The dissertation's own protocol, the last iterate from the image, is reported beside it.
    ``classes`` null takes every detector there is; of other classes the first ``num_images`` images are attacked.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output", "pool", "detectors"})  # rows carry their digests

    data: DataConfig = DataConfig()
    split: Literal["train", "test"] = "test"
    detectors: Place = "runs/one_vs_rest"
    classes: tuple[NonNegativeInt, ...] | None = None
    num_images: PositiveInt = 1000
    attacks: tuple[LogitAttackConfig, ...] = (LogitAttackConfig(),)
    batch_size: PositiveInt = 100
    shard_images: PositiveInt = 100
    seed: Seed = 0
    output: Place = "runs/one_vs_rest_evaluation"
    pool: PoolConfig = PoolConfig()

    @property
    def ladder(self) -> dict[str, int]:
        """Steps by label, where all attacks but for their steps are the same and there are three or more."""
        steps = {attack.label: attack.num_steps for attack in self.attacks}
        balls = {(attack.norm, attack.eps, attack.num_noise_starts, attack.adam) for attack in self.attacks}
        return steps if len(balls) == 1 and len(set(steps.values())) == len(steps) >= MIN_RUNGS else {}

    @model_validator(mode="after")
    def _attacks_differ(self) -> Self:
        check_different("attacks", [attack.label for attack in self.attacks])
        for attack in self.attacks:
            check_ball(attack.norm, attack.eps, self.data, "attacks.eps")
        return self


class DetectionAttackConfig(Config):
    """PGD on a classifier and the detectors of its classes (S004 equations 3.30 to 3.35), best of all starts.

    ``classifier`` does not know of the detectors; ``detector`` looks at nothing else, and is the adaptive attack on
    generative detection; ``combined`` is equation 3.35, ``bypass`` 3.34; ``predicted_detector`` is ours: once the
    classifier is fooled it raises the one logit that then decides. ``high_energy`` is HE-PGD with ``energy_weight``
    (S003 equation 11), which evades the energy detector and knows no other.
    """

    OBLIVIOUS: ClassVar[tuple[str, ...]] = ("classifier", "high_energy")  # see the classifier alone

    kind: Literal["classifier", "high_energy", "detector", "combined", "predicted_detector", "bypass"] = "combined"
    norm: Literal["l2", "linf"] = "linf"
    eps: PositiveFloat = 0.3
    num_steps: PositiveInt = 100
    step_size: PositiveFloat = 0.01
    num_noise_starts: NonNegativeInt = 1
    energy_weight: NonNegativeFloat = 1.2  # high_energy only

    @property
    def label(self) -> str:
        """What tables call it: ``combined, linf 0.3``."""
        return f"{self.kind.replace('_', ' ')}, {self.norm} {self.eps:g}"


class EvaluateDetectionConfig(Config):
    """Integrated and generative detection by one-vs-rest detectors (S004 3.2.1, 3.2.2) under adaptive attacks.

    Integrated: the detector of the class that ``classifier`` predicts decides. Generative: the detectors classify too.
    Of ``fitted``, the detectors of ``compare_detectors`` named there stand beside them: every attack that knows
    detectors is made once against each, and each reads all that was made.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output", "pool", "classifier", "detectors"})

    data: DataConfig = DataConfig()
    split: Literal["train", "test"] = "test"
    classifier: Place = "runs/classifier/model"
    detectors: Place = "runs/one_vs_rest"
    num_images: PositiveInt = 200
    attacks: tuple[DetectionAttackConfig, ...] = tuple(
        DetectionAttackConfig(kind=kind) for kind in ("classifier", "detector", "combined", "predicted_detector")
    )
    fitted: FittedDetectorsConfig = FittedDetectorsConfig()
    batch_size: PositiveInt = 100
    shard_images: PositiveInt = 50
    seed: Seed = 0
    output: Place = "runs/detection"
    pool: PoolConfig = PoolConfig()

    @model_validator(mode="after")
    def _attacks_differ(self) -> Self:
        check_different("attacks", [attack.label for attack in self.attacks])
        for attack in self.attacks:
            check_ball(attack.norm, attack.eps, self.data, "attacks.eps")
        if self.fitted.kinds:
            check_attacks((self.fitted.attack,), self.data)
        return self
