"""A check of the service by a training of seconds."""

from advgen_ray.config import CheckServiceConfig, WorkersConfig
from advgen_ray.recipes.digits import digits_classifier


def digits_service() -> CheckServiceConfig:
    """Two epochs on digits through a job server, and here: equal weights, a run in MLflow that holds all; no figure.

    On CPUs: a cluster's GPU would round otherwise than this machine does.
    """
    training = digits_classifier().override(["num_epochs=2", "num_validation_images=0", "eps_warmup_epochs=0"])
    return CheckServiceConfig(
        training=training.model_copy(update={"workers": WorkersConfig(num_workers=1, gpus_per_worker=0)}),
        output="runs/digits/service",
    )
