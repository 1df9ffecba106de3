"""From a config of binary AT to its attacks: the ascent from p0, the descent of the data, the worst case."""

from advgen_ray.attacks.pgd import PGD
from advgen_ray.config.binary import AscentFromP0Config, TrainBinaryConfig
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.distributed.attacks import ball_of
from advgen_ray.rng import StartNoise
from advgen_ray.training.binary import OutAttack
from advgen_ray.training.binary_validation import WorstCaseAUC
from advgen_ray.training.progressive import Progression
from advgen_ray.training.worker import Worker

VALIDATION_BATCH = 256


def progression_of(ascent: AscentFromP0Config, steps_per_epoch: int) -> Progression:
    """When K grows and when training ends, epochs counted in updates."""
    last_k = ascent.last_k_epochs
    return Progression(
        first=ascent.first_steps,
        last=ascent.last_steps,
        steps_per_k=max(1, round(ascent.epochs_per_k * steps_per_epoch)),
        auc_to_advance=ascent.auc_to_advance,
        window=ascent.auc_window,
        last_k_steps=None if last_k is None else max(1, round(last_k * steps_per_epoch)),
        auc_to_end=ascent.auc_to_end,
    )


def ascent_of(config: TrainBinaryConfig) -> OutAttack:
    """The ascent from p0 at any K."""
    ascent, ball = config.ascent, ball_of(config.ascent.norm, config.ascent.eps)

    def out_attack(k: int, start_noise: StartNoise) -> PGD:
        noise = start_noise if ascent.random_start_share else None
        return PGD(ball, k, ascent.step_size, noise, keep_best=ascent.keep_best, adam=ascent.adam)

    return out_attack


def descent_of(config: TrainBinaryConfig) -> PGD | None:
    """What the data go through before they are fed; None where they are fed as they are."""
    descent = config.descent
    if descent is None:
        return None
    return PGD(ball_of(descent.norm, descent.eps), descent.num_steps, descent.step_size)


def validation_of(
    config: TrainBinaryConfig, held_out: tuple[LabelledImages, LabelledImages], worker: Worker
) -> WorstCaseAUC | None:
    """The worst case of the images held out, in the ball of training or its own; None where none is asked for."""
    settings = config.validation
    eps = (settings and settings.eps) or config.ascent.eps
    if settings is None or eps is None:
        return None
    step_size = settings.step_size or 2.5 * eps / settings.num_steps
    ball, num_steps = ball_of(config.ascent.norm, eps), settings.num_steps

    def attack(start_noise: StartNoise | None) -> PGD:
        return PGD(ball, num_steps, step_size, start_noise, keep_best=True, adam=config.ascent.adam)

    return WorstCaseAUC(*held_out, attack, settings.every_steps, VALIDATION_BATCH, config.seed, worker)
