"""What the driver sees of trainings while worker groups run: records passed on, lines printed, ends collected."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from advgen_ray.distributed.session import Task
from advgen_ray.distributed.train_meter import JobMeter, TrainingMeter
from advgen_ray.errors import UserError
from advgen_ray.training.loop import Record

POLL_SECONDS = 0.5
WAITING_LINE_SECONDS = 10.0
LINE_SECONDS = 3.0

Describe = Callable[[Any, Record], str]
"""``describe(config, record)``: how far a training is, in a few words."""

OnRecord = Callable[[Task, Record], None]
"""Called in the driver with the latest record of a task, soon after a worker reported it."""

OnEnd = Callable[[Task], None]
"""Called in the driver once for a task whose model was made, after its records, while others of its group train on."""


class Group(threading.Thread):
    """A worker group at work beside the main thread, which stays free for an interrupt."""

    def __init__(self, fit: Callable[[], Any]) -> None:
        super().__init__(name="ray-train-fit", daemon=True)
        self.fit = fit
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Work to the end, good or bad."""
        try:
            self.result = self.fit()
        except BaseException as error:
            self.error = error


def watch(
    groups: Sequence[Group], tasks: Sequence[Task], describe: Describe, on_record: OnRecord, on_end: OnEnd
) -> None:
    """Start the groups and stay until each has ended: one that fails leaves the others to finish their work."""
    screen = _Screen(tasks, describe, on_record, on_end)  # what it sees now is of an earlier life
    for group in groups:
        group.start()
    working = True
    while working:
        time.sleep(POLL_SECONDS)
        working = any(group.is_alive() for group in groups)  # asked before the look, so that the last record is seen
        screen.look()
        if working:
            screen.reassure()
    screen.end()


class _Screen:
    """Every record is passed on; a line is printed for the first of a task, and then every few seconds.

    What is new goes to the metrics too.
    """

    def __init__(self, tasks: Sequence[Task], describe: Describe, on_record: OnRecord, on_end: OnEnd) -> None:
        self.tasks, self.describe, self.on_record, self.on_end = tasks, describe, on_record, on_end
        self.under_way = {task.output for task in tasks if not task.finished()}
        self.former = {task.output: task.progress() for task in tasks}
        self.shown = {output: progress.get("record") for output, progress in self.former.items()}
        self.begin = self.told_at = time.monotonic()
        self.lines: dict[str, float] = {}  # when a task had its last one, by output
        self.steps: tuple[Task, list[int]] | None = None
        self.told_unused_gpu = False
        self.sizes: dict[str, int] = {}  # of the groups at work, by output
        self.meters = {task.output: TrainingMeter(task, self.former[task.output]) for task in tasks}
        self.job = JobMeter(tasks)
        self.job.begin()

    def look(self) -> None:
        """Pass on what is new; what cannot be read for a moment costs no training, the next look sees as much."""
        self.steps = None
        for task in self.tasks:
            try:
                progress = task.progress()
                made = "metrics" in progress and task.output in self.under_way and task.finished()
            except UserError:
                continue
            record = progress.get("record")
            if self.meters[task.output].look(progress):
                self.job.came_forward()
            self._tell_size(task, progress.get("num_workers"))
            self._tell_unused_gpu(task, progress)
            if progress.get("steps") and progress != self.former[task.output]:
                self.steps = (task, progress["steps"])
            if record and record != self.shown[task.output]:
                self.shown[task.output] = record
                self.on_record(task, record)
                if time.monotonic() - self.lines.get(task.output, -LINE_SECONDS) > LINE_SECONDS:
                    self.lines[task.output] = self.told_at = time.monotonic()
                    print(f"{task.name}  {self.describe(task.config, record)}", flush=True)
            if made:
                self.under_way.remove(task.output)
                self.on_end(task)

    def _tell_size(self, task: Task, num_workers: int | None) -> None:
        """An elastic group grew or shrank."""
        former = self.sizes.get(task.output)
        if num_workers and num_workers != former:
            self.sizes[task.output] = num_workers
            if former:
                print(f"{task.name}  goes on with {num_workers} workers, not {former}", flush=True)

    def _tell_unused_gpu(self, task: Task, progress: dict[str, Any]) -> None:
        """Once: the training goes on, many times slower."""
        if progress.get("gpu_unused") and progress != self.former[task.output] and not self.told_unused_gpu:
            self.told_unused_gpu = True
            print(f"{task.name}  a GPU is held and torch cannot use it there, it computes on the CPU", flush=True)

    def end(self) -> None:
        """Nothing is under way any more."""
        for meter in self.meters.values():
            meter.end()
        self.job.end()

    def reassure(self) -> None:
        """Say that work goes on where nothing was said for a while."""
        if time.monotonic() - self.told_at < WAITING_LINE_SECONDS:
            return
        if self.steps:
            task, (step, num_steps) = self.steps
            print(f"{task.name}  step {step} of {num_steps}", flush=True)
        elif not self.lines:
            print(f"training  workers starting, {time.monotonic() - self.begin:.0f} s", flush=True)
        self.told_at = time.monotonic()
