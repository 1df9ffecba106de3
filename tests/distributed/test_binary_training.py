"""Binary AT through Ray Train: two groups side by side, a killed worker, a finished bank that is not trained again."""

import os
import signal
import sys
from pathlib import Path

import pytest
from ray import cloudpickle

from advgen_ray.config import TrainBinaryConfig, TrainOneVsRestConfig, TwoConvConfig, WorkersConfig
from advgen_ray.distributed.session import Session, Task
from advgen_ray.distributed.train import run_training
from advgen_ray.recipes.binary import digits_binary
from advgen_ray.stages import binary, one_vs_rest
from advgen_ray.training.loop import Record, Save
from advgen_ray.training.model_directory import WEIGHTS, load_model, read_card
from tests.same_weights import same_weights
from tests.training.conftest import without_time

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test


def _config(output: Path) -> TrainBinaryConfig:
    """Progressive K on digits: forty steps, a checkpoint every ten."""
    config = digits_binary().model_copy(
        update={"model": TwoConvConfig(channels=(4, 8), hidden=32), "output": str(output)}
    )
    return config.override(
        ["num_steps=40", "checkpoint_every_steps=10", "validation.every_steps=20", "validation.num_steps=5"]
    ).override(["ascent.first_steps=0", "ascent.last_steps=4", "ascent.epochs_per_k=2", "ascent.auc_window=5"])


@pytest.mark.long
@pytest.mark.ray
def test_detectors_train_side_by_side_and_are_there_the_next_time(ray_session: None, tmp_path: Path) -> None:
    training = _config(tmp_path).model_copy(update={"workers": WorkersConfig(num_workers=1, num_groups=2)})
    config = TrainOneVsRestConfig(training=training, classes=(0, 1), output=str(tmp_path))
    first = one_vs_rest.run(config)
    assert [row["class"] for row in first["detectors"]] == [0, 1]
    for k in (0, 1):
        card = read_card(tmp_path / f"class-{k}" / "model")
        assert card["training"]["class_index"] == k
        assert [record["step"] for record in card["history"]] == [10, 20, 30, 40]
        assert load_model(tmp_path / f"class-{k}" / "model").model is not None
    written = _written(tmp_path)
    assert len(written) == 2
    assert one_vs_rest.run(config) == first
    assert _written(tmp_path) == written, "nothing is trained again"


def _written(output: Path) -> dict[str, int]:
    """When the weights of each detector were written, in nanoseconds."""
    return {str(path): path.stat().st_mtime_ns for path in output.glob(f"class-*/model/{WEIGHTS}")}


class _Dying(Session):
    """Takes its worker down, once, soon after the checkpoint of step 30."""

    def report(self, record: Record, save: Save | None) -> None:
        super().report(record, save)
        marker = Path(self.task.output) / "killed"
        if record["step"] == 30 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def _train_and_die(config: TrainBinaryConfig, session: Session) -> None:
    binary.train(config, _Dying(session.task, session.worker, session.resume))


@pytest.mark.long
@pytest.mark.ray
def test_a_killed_worker_goes_on_with_its_k_and_window_bit_for_bit(ray_session: None, tmp_path: Path) -> None:
    unbroken, broken = _config(tmp_path / "unbroken"), _config(tmp_path / "broken")
    tasks = [
        Task("unbroken", binary.train, unbroken, unbroken.output),
        Task("broken", _train_and_die, broken, broken.output),
    ]
    cards = run_training(tasks, WorkersConfig(num_workers=1, num_groups=2), lambda *_: "", lambda *_: None)
    assert (tmp_path / "broken" / "killed").exists()
    assert without_time(cards[0]["history"]) == without_time(cards[1]["history"])
    assert cards[0]["metrics"] == cards[1]["metrics"]
    weights = [load_model(tmp_path / name / "model").model.state_dict() for name in ("unbroken", "broken")]
    assert same_weights(*weights)
