"""Training of a class-conditional score model by denoising score matching (S000 section 6)."""

from torch import nn

from advgen_ray.data.augment import flip
from advgen_ray.data.batches import BatchOrder
from advgen_ray.data.datasets import LabelledImages
from advgen_ray.diffusion.score_matching import denoising_loss, drop_labels, training_times
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.losses import LossTerms
from advgen_ray.rng import Stream
from advgen_ray.training.loop import OnStep, Report, Rhythm, StepTerms, Trainee, items_on, run_steps
from advgen_ray.training.worker import Worker

NUM_RECORDS = 200  # about as many points as a curve can show


def train_score_model(
    trainee: Trainee,
    images: LabelledImages,
    *,
    sde: VPSDE,
    label_drop: float,
    num_steps: int,
    until: int | None = None,
    batch_size: int,
    horizontal_flip: bool = False,
    checkpoint_every_steps: int,
    seed: int,
    worker: Worker,
    report: Report,
    on_step: OnStep | None = None,
) -> None:
    """Train in place, to the step ``until`` if one is given; the model to keep is ``trainee.ema``'s shadow.

    ``batch_size`` is global, over all workers. Times, noise, dropped labels and flips are keyed by
    (seed, item, step), so they do not depend on the workers.
    """
    order = BatchOrder(len(images), batch_size, seed, worker.rank, worker.num_workers)
    noise_stream, draw_stream, flip_stream = (Stream(seed, name) for name in ("noise", "time_and_label", "augment"))
    null_label = images.info.num_classes

    def loss_at(model: nn.Module, step: int) -> StepTerms:
        batch = order.at(step)
        item_ids = images.item_ids(batch.indices)
        x = images.tensor(batch.indices)
        if horizontal_flip:
            x = flip(x, item_ids, step, flip_stream)
        draws = draw_stream.uniform(item_ids, (2,), step)
        y = drop_labels(images.targets(batch.indices), draws[:, 1], label_drop, null_label)
        noise = noise_stream.normal(item_ids, x.shape[1:], step)
        x, y, t, noise = items_on(worker, x, y, training_times(draws[:, 0]), noise)
        losses = denoising_loss(model, 2 * x - 1, y, t, noise, sde)
        return StepTerms(LossTerms(losses.mean(), {}), len(y), batch.global_size)

    rhythm = Rhythm(
        num_steps=num_steps,
        steps_per_epoch=order.steps_per_epoch,
        record_every=max(1, min(checkpoint_every_steps, num_steps // NUM_RECORDS)),
        checkpoint_every=checkpoint_every_steps,
        until=until,
    )
    run_steps(trainee, loss_at, [order], rhythm, seed=seed, worker=worker, report=report, on_step=on_step)
