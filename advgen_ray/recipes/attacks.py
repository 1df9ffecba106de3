"""Lists of attacks that the recipes of several data sets share, as the papers' figures name them."""

from typing import Any, Literal

from advgen_ray.config import AttackConfig, AttackSuiteConfig

Norm = Literal["l1", "l2", "linf"]
STEPS = (1, 2, 5, 10, 20, 40)
LAMBDAS = (0.0, 0.3, 0.6, 2.4)  # beside 1.2, which S003 takes and which is the last of the HE-PGD ladder


def every_attack(
    norm: Norm, eps: float, step_size: float, num_steps: int = 20, num_queries: int = 1000
) -> tuple[AttackConfig, ...]:
    """S001 figure C, and FGSM: 20 steps, Square with 1000 queries, CW (in L2, whatever the norm) with 200."""
    ball = {"norm": norm, "eps": eps, "num_steps": num_steps}
    pgd = {**ball, "step_size": step_size}
    return (
        AttackConfig(name="fgsm", norm=norm, eps=eps, num_steps=1, step_size=eps, start="image"),
        AttackConfig(name="trades", objective="kl", start="near", **pgd),
        AttackConfig(kind="apgd", **ball),
        AttackConfig(kind="apgd", objective="dlr", **ball),
        AttackConfig(kind="apgd", targeted=True, num_targets=3, **ball),
        AttackConfig(kind="fab", **ball),
        AttackConfig(kind="fab", targeted=True, num_targets=3, **ball),
        AttackConfig(kind="square", norm=norm, eps=eps, num_steps=num_queries),
        AttackConfig(kind="cw", norm="l2", eps=eps if norm == "l2" else 1.0, num_steps=200),
    )


def ladder(
    norm: Norm, eps: float, step_size: float, objective: Literal["cross_entropy", "kl", "high_energy"] = "cross_entropy"
) -> tuple[AttackConfig, ...]:
    """S003 figures 2b and 3b, S001 figure B: the same attack with 1 to 40 steps of one size; the last is ``pgd``."""
    name = {"cross_entropy": "pgd", "kl": "pgd-kl", "high_energy": "he-pgd"}[objective]
    return tuple(
        AttackConfig(
            name=name if num_steps == STEPS[-1] and objective == "cross_entropy" else f"{name}-{num_steps}",
            norm=norm,
            eps=eps,
            num_steps=num_steps,
            step_size=step_size,
            objective=objective,
            start="near" if objective == "kl" else "uniform",
        )
        for num_steps in STEPS
    )


def lambda_sweep(norm: Norm, eps: float, step_size: float, num_steps: int = 40) -> tuple[AttackConfig, ...]:
    """S003 section 5.2: HE-PGD by the weight of the energy, 0 being PGD, to go with its ladder."""
    return tuple(
        AttackConfig(
            name=f"he-pgd-lambda-{weight:g}",
            norm=norm,
            eps=eps,
            num_steps=num_steps,
            step_size=step_size,
            objective="high_energy",
            energy_weight=weight,
        )
        for weight in LAMBDAS
    )


def energy_view(norm: Norm, eps: float, step_size: float, num_queries: int = 1000) -> tuple[AttackConfig, ...]:
    """S003 figures 2 and 3, S001 figures A to C: three ladders, the sweep of lambda, and every other attack."""
    return (
        *ladder(norm, eps, step_size),
        *ladder(norm, eps, step_size, "kl"),
        *ladder(norm, eps, step_size, "high_energy"),
        *lambda_sweep(norm, eps, step_size),
        *every_attack(norm, eps, step_size, num_queries=num_queries),
    )


def adaptive_suites(norm: Norm, eps: float, num_steps: int, num_restarts: int = 2) -> tuple[AttackSuiteConfig, ...]:
    """The dissertation's attack, every target of it, ours on the calibrated margin, PGD's on cross-entropy.

    Beside 3.47 and 3.48's one candidate: each wrong class's logit in turn, from the image and from noise; and APGD on
    each ``d_k + c_k - d_y - c_y`` in turn, from several starts, an image lost at the first iterate that is taken for
    another class.
    """
    ball: dict[str, Any] = {"norm": norm, "eps": eps, "num_steps": num_steps}
    steps = ball | {"step_size": 2.5 * eps / num_steps}
    each = [AttackConfig(name=f"logits-from-{s}", objective="logit", targeted=True, start=s, **steps)
            for s in ("image", "uniform")]  # fmt: skip
    margin = AttackConfig(kind="apgd", objective="margin", targeted=True, num_restarts=num_restarts, **ball)
    return (
        AttackSuiteConfig(name="s004", attacks=(AttackConfig(kind="highest_logit", start="image", **steps),)),
        AttackSuiteConfig(name="every_logit", attacks=tuple(each)),
        AttackSuiteConfig(name="targeted_margin", attacks=(margin,)),
        AttackSuiteConfig(name="cross_entropy", attacks=(AttackConfig(num_restarts=num_restarts, **steps),)),
    )
