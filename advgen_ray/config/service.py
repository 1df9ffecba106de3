"""A check of the service itself: which job server, and which training it is asked for."""

from typing import ClassVar

from advgen_ray.config.base import Config, Place
from advgen_ray.config.jobs import TrainClassifierConfig


class CheckServiceConfig(Config):
    """Send a training through a job server, train the same here, and see what both left, in files and in MLflow.

    For whoever has set up a cluster, or changed one. ``address`` is its job server's, such as http://HOST:8265; without
    one a head is started on this machine for as long as it takes, which asks for a token as ``cluster/local.sh`` does.
    Run it in a checkout, which is what is uploaded.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output", "address"})

    address: str = ""
    training: TrainClassifierConfig = TrainClassifierConfig()
    output: Place = "runs/service"

    @property
    def submitted(self) -> TrainClassifierConfig:
        """The training that is sent."""
        return self._placed("submitted")

    @property
    def here(self) -> TrainClassifierConfig:
        """The same, of this process."""
        return self._placed("here")

    def _placed(self, name: str) -> TrainClassifierConfig:
        return self.training.model_copy(update={"output": f"{self.output.rstrip('/')}/{name}"})
