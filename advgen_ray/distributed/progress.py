"""A line every few seconds that says how far a long map job is, also while no shard comes back."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from advgen_ray.distributed import metrics

INTERVAL_SECONDS = 5.0
QUIET_INTERVALS = 6  # a line in which nothing has changed is worth printing this seldom


class Progress:
    """Counts finished shards and images; prints rate and time left while it is open, and tells both as metrics.

    ``note`` says more of shards under way, where they take long: asked for each line, "" while it knows nothing.
    ``output`` is what metrics call the place of the rows.
    """

    def __init__(
        self,
        name: str,
        num_shards: int,
        shards_before: int,
        note: Callable[[], str] | None = None,
        output: str = "",
    ) -> None:
        self.name, self.num_shards, self.note, self.output = name, num_shards, note, output
        self.shards_before = self.shards_done = shards_before
        self.images_done = 0
        self.shards_failed = self.images_failed = self.retries = 0
        self.came_forward_at = time.time()
        self.noted = ""
        self.begin = time.monotonic()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._print_until_closed, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()
        self.show(running=False)
        if error is None:
            print(self.line(), flush=True)

    @property
    def seconds(self) -> float:
        """Since the job began."""
        return time.monotonic() - self.begin

    def add(self, num_images: int, num_retries: int = 0) -> None:
        """One more shard came back, after so many actors lost over it."""
        self.shards_done += 1
        self.images_done += num_images
        self._came_forward(num_retries)

    def fail(self, num_images: int, num_retries: int = 0) -> None:
        """One more shard is left for the next run, as so many of its images cannot be made."""
        self.shards_failed += 1
        self.images_failed += num_images
        self._came_forward(num_retries)

    def show(self, running: bool = True) -> None:
        """Tell the metrics; where the work has ended nothing is left of it."""
        values = {
            "running": running,
            "rows_done": self.images_done,
            "rows_failed": self.images_failed,
            "retries": self.retries,
            "last_progress_seconds": self.came_forward_at,
        }
        if running:
            left, here = self.num_shards - self.shards_done - self.shards_failed, self.shards_done - self.shards_before
            values |= {"shards_left": left, "images_per_second": self.images_done / max(self.seconds, 1e-3)}
            if here:
                values["rows_left"] = left * self.images_done / here
        else:
            values |= dict.fromkeys(("shards_left", "rows_left", "images_per_second"), 0)
        for name, value in values.items():
            metrics.show(name, value, work=self.name, output=self.output)

    def line(self) -> str:
        """``counterfactuals: 3/20 shards, 300 images, 66.2 images/s, 0:26 left``; time left once a shard is done."""
        here = self.shards_done + self.shards_failed - self.shards_before
        line = f"{self.name}: {self.shards_done}/{self.num_shards} shards"
        if not here:
            return f"{line}, {'working' if self.noted else 'starting'} ({_clock(self.seconds)})"
        line += f", {self.images_done} images, {self.images_done / self.seconds:.1f} images/s"
        if self.images_failed:
            line += f", {self.images_failed} failed"
        left = self.num_shards - self.shards_done - self.shards_failed
        return f"{line}, {_clock(self.seconds * left / here)} left" if left else f"{line}, {_clock(self.seconds)}"

    def _came_forward(self, num_retries: int) -> None:
        self.retries += num_retries
        self.came_forward_at = time.time()
        self.show()

    def _look(self) -> str:
        """What the note says; what cannot be read in one look, as storage is away say, is read in the next."""
        try:
            return self.note() if self.note else ""
        except (OSError, ValueError):  # UserError is one
            return self.noted

    def _print_until_closed(self) -> None:
        printed: tuple[int, str] | None = None
        quiet = 0
        while not self._closing.wait(INTERVAL_SECONDS):
            quiet += 1
            self.show()
            self.noted = self._look()
            ended = self.shards_done + self.shards_failed
            if (ended, self.noted) != printed or quiet == QUIET_INTERVALS:
                print(self.line() + (f"; {self.noted}" if self.noted else ""), flush=True)
                printed, quiet = (ended, self.noted), 0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
