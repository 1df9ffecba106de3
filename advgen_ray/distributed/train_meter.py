"""What the driver's metrics tell of trainings, from the progress files that it watches anyway."""

from collections.abc import Mapping, Sequence
from typing import Any

from advgen_ray.distributed import metrics
from advgen_ray.distributed.session import Task
from advgen_ray.storage.filesystem import common_parent

ACCURACIES = {  # of records, and of the card in the end: images and attack
    "train_accuracy": ("train", "training"),
    "train_clean_accuracy": ("train", "none"),
    "validation_clean_accuracy": ("validation", "none"),
    "validation_pgd_accuracy": ("validation", "pgd"),
    "clean_accuracy": ("test", "none"),
    "pgd_accuracy": ("test", "pgd"),
}


class TrainingMeter:
    """Tells of one training what is new in its progress file."""

    def __init__(self, task: Task, former: Mapping[str, Any]) -> None:
        self.tags = {"work": task.name, "output": metrics.place(task.output)}
        self.images_per_step = getattr(task.config, "batch_size", 0)
        self.seen = former
        self.starts_before = former.get("starts", 0)
        self.last: tuple[int, float] | None = None  # step, and when it was made

    def look(self, progress: Mapping[str, Any]) -> bool:
        """Whether anything was new."""
        if progress == self.seen or "at" not in progress:
            return False
        self.seen = progress
        record = progress.get("record") or {}
        self._show("retries", max(0, progress["starts"] - self.starts_before - 1))
        self._show("loss", record.get("loss"))
        self._show("learning_rate", record.get("learning_rate"))
        for name, value in (record | progress.get("metrics", {})).items():
            if name in ACCURACIES:
                images, attack = ACCURACIES[name]
                metrics.show("accuracy", value, images=images, attack=attack, **self.tags)
        self._show_steps(progress["steps"][0] if progress["steps"] else record.get("step", 0), progress)
        return True

    def end(self) -> None:
        """Nothing is under way any more."""
        self._show("images_per_second", 0)

    def _show_steps(self, step: int, progress: Mapping[str, Any]) -> None:
        self._show("step", step)
        if progress["num_steps"]:
            self._show("steps_left", progress["num_steps"] - step)
        if self.last and step > self.last[0]:
            seconds = max(progress["at"] - self.last[1], 1e-3)
            self._show("images_per_second", (step - self.last[0]) * self.images_per_step / seconds)
        self.last = step, progress["at"]

    def _show(self, name: str, value: float | None) -> None:
        metrics.show(name, value, **self.tags)


class JobMeter:
    """Whether the trainings of a job go on, and when the last of them came forward: some wait while others train."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        work = tasks[0].name if len(tasks) == 1 else f"{len(tasks)} trainings"
        self.tags = {"work": work, "output": metrics.place(common_parent([task.output for task in tasks]))}

    def begin(self) -> None:
        """Worker groups are asked for."""
        metrics.show("running", 1, **self.tags)
        self.came_forward()

    def came_forward(self) -> None:
        """One of them told something new."""
        metrics.came_forward(**self.tags)

    def end(self) -> None:
        """No worker group is at work any more."""
        metrics.show("running", 0, **self.tags)
