"""The AUC that detectors of one class each keep under attack (S004 section 3.2.3), and how it falls with its steps."""

from typing import Literal

from advgen_ray.config import DataConfig, EvaluateOneVsRestConfig, LogitAttackConfig

# S004 table 3.1: the four balls of its detectors of MNIST, and the length of their attacks' steps.
MNIST_BALLS: tuple[tuple[Literal["l2", "linf"], float, float], ...] = (
    ("linf", 0.3, 0.01), ("linf", 0.5, 0.01), ("l2", 2.5, 0.1), ("l2", 5.0, 0.1),
)  # fmt: skip


def digits_one_vs_rest_evaluation() -> EvaluateOneVsRestConfig:
    """The ten detectors of digits under PGD in L2 1, the radius that they were trained in, and half as far again."""
    return EvaluateOneVsRestConfig(
        detectors="runs/digits/one_vs_rest",
        num_images=100,
        attacks=tuple(LogitAttackConfig(norm="l2", eps=eps, num_steps=100, step_size=0.05) for eps in (1.0, 1.5)),
        output="runs/digits/one_vs_rest_evaluation",
    )


def mnist_one_vs_rest_evaluation() -> EvaluateOneVsRestConfig:
    """S004 tables 3.2 to 3.4, the first two detectors of MNIST, of Linf .3: AUC .9996 and .9997 under 200 steps."""
    return _of_mnist("one_vs_rest", "linf", 0.3)


def mnist_one_vs_rest_wider_evaluation() -> EvaluateOneVsRestConfig:
    """S004 tables 3.2 to 3.5 of the detectors of Linf .5: AUC .9983 and .9987 by Adam, the first from 50 starts .9978.

    Trained before: mnist_one_vs_rest_wider.
    """
    return _of_mnist("one_vs_rest_wider", "linf", 0.5, num_noise_starts=50)


def mnist_one_vs_rest_l2_evaluation() -> EvaluateOneVsRestConfig:
    """S004 tables 3.2 to 3.4 of the detectors of L2 2.5: AUC .9996 and .9997 by Adam, .9991 and .9992 without.

    Trained before: mnist_one_vs_rest_l2.
    """
    return _of_mnist("one_vs_rest_l2", "l2", 2.5)


def mnist_one_vs_rest_l2_wider_evaluation() -> EvaluateOneVsRestConfig:
    """S004 tables 3.2 to 3.5 of the detectors of L2 5: AUC .9958 and .9999 by Adam, the first from 50 starts .9950.

    Trained before: mnist_one_vs_rest_l2_wider.
    """
    return _of_mnist("one_vs_rest_l2_wider", "l2", 5.0, num_noise_starts=50)


def cifar10_one_vs_rest_evaluation() -> EvaluateOneVsRestConfig:
    """S004 tables 3.7, 3.9, 3.10 of the first two classes of CIFAR-10: AUC .9224 and .9533 under 20 steps of 2/255.

    Trained before: cifar10_one_vs_rest.
    """
    attacks = [("linf", 8, n, step, 1) for n, step in ((20, 2.0), (40, 0.5), (200, 0.1), (200, 0.5), (500, 0.5))]
    attacks += [("l2", 80, 20, 10.0, 1), ("linf", 2, 10, 0.5, 1), ("linf", 8, 40, 0.5, 10)]
    return EvaluateOneVsRestConfig(
        data=DataConfig(name="cifar10"),
        detectors="runs/cifar10/one_vs_rest",
        classes=(0, 1),
        num_images=9000,
        attacks=tuple(
            LogitAttackConfig(norm=norm, eps=eps / 255, num_steps=n, step_size=step / 255, num_noise_starts=starts)
            for norm, eps, n, step, starts in attacks
        ),
        output="runs/cifar10/one_vs_rest_evaluation",
    )


def cifar10_one_vs_rest_l2_evaluation() -> EvaluateOneVsRestConfig:
    """S004 table 3.8, the first two classes of CIFAR-10 in L2 80/255: AUC .9839 and .9924 under 20 steps of 10/255."""
    attacks = tuple(
        LogitAttackConfig(norm="l2", eps=80 / 255, num_steps=n, step_size=step / 255)
        for n, step in ((20, 10.0), (50, 5.0))
    )
    return cifar10_one_vs_rest_evaluation().model_copy(
        update={
            "detectors": "runs/cifar10/one_vs_rest_l2",
            "attacks": attacks,
            "output": "runs/cifar10/one_vs_rest_l2_evaluation",
        }
    )


def digits_one_vs_rest_by_steps() -> EvaluateOneVsRestConfig:
    """AUC of the ten detectors of digits in L2 1 by steps of PGD, 10 to 2,000; no published figure."""
    return EvaluateOneVsRestConfig(
        detectors="runs/digits/one_vs_rest",
        num_images=100,
        attacks=_ladder("l2", 1.0),
        output="runs/digits/one_vs_rest_by_steps",
    )


def mnist_one_vs_rest_by_steps() -> EvaluateOneVsRestConfig:
    """S004 tables 3.2 and 3.3 by steps of PGD, 10 to 2,000, in Linf .3: .9996 at 200 steps and at 2,000."""
    return EvaluateOneVsRestConfig(
        data=DataConfig(name="mnist"),
        detectors="runs/mnist/one_vs_rest",
        classes=(0, 1),
        num_images=500,
        attacks=_ladder("linf", 0.3),
        output="runs/mnist/one_vs_rest_by_steps",
    )


def _of_mnist(name: str, norm: Literal["l2", "linf"], eps: float, num_noise_starts: int = 1) -> EvaluateOneVsRestConfig:
    """The ball of the training in 200 steps and in 2,000 of half the length, with and without Adam; others with it."""
    (own,) = (_steps(*ball) for ball in MNIST_BALLS if ball[:2] == (norm, eps))
    longer = own.model_copy(update={"num_steps": 2000, "step_size": own.step_size / 2})
    others = [_steps(*ball) for ball in MNIST_BALLS if ball[:2] != (norm, eps)]
    restarts = [own.model_copy(update={"num_noise_starts": num_noise_starts})] if num_noise_starts > 1 else []
    by_adam = [attack.model_copy(update={"adam": True}) for attack in (own, longer, *others, *restarts)]
    return EvaluateOneVsRestConfig(
        data=DataConfig(name="mnist"),
        detectors=f"runs/mnist/{name}",
        classes=(0, 1),
        attacks=(own, longer, *by_adam),
        output=f"runs/mnist/{name}_evaluation",
    )


def _steps(norm: Literal["l2", "linf"], eps: float, step_size: float) -> LogitAttackConfig:
    return LogitAttackConfig(norm=norm, eps=eps, num_steps=200, step_size=step_size)


def _ladder(norm: Literal["l2", "linf"], eps: float) -> tuple[LogitAttackConfig, ...]:
    """Steps that together are 2.5 radii long up to 100 of them, and never shorter than a fortieth of the radius."""
    return tuple(
        LogitAttackConfig(norm=norm, eps=eps, num_steps=n, step_size=max(2.5 * eps / n, eps / 40))
        for n in (10, 20, 50, 100, 200, 500, 1000, 2000)
    )
