"""Several runs open at once under one parent, for work that goes on side by side or comes back to an earlier run."""

from collections.abc import Mapping
from contextlib import ExitStack
from contextvars import Context, copy_context
from typing import Any

from advgen_ray.tracking.runs import Run, tracked_run


class SideBySide:
    """Runs by key, each opened and closed in a context of its own, so that none becomes another's parent.

    Whoever opens them has checked that the tracking server answers: one that goes away since then must cost no work.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[Context, ExitStack, Run]] = {}

    def run(
        self, key: str, name: str, config: Mapping[str, Any], tags: Mapping[str, str], unless_finished: bool = False
    ) -> Run:
        """The open run of ``key``, opened at the first call."""
        if key not in self._open:
            context, stack = copy_context(), ExitStack()
            opened = tracked_run(name, config, tags, unless_finished=unless_finished, checked=True)
            self._open[key] = (context, stack, context.run(stack.enter_context, opened))
        return self._open[key][2]

    def close(self, key: str, error: BaseException | None = None) -> None:
        """End the run of ``key``, as failed if there is an error; nothing happens where none is open."""
        if key in self._open:
            context, stack, _ = self._open.pop(key)
            context.run(stack.__exit__, type(error) if error else None, error, error.__traceback__ if error else None)

    def close_all(self, error: BaseException | None) -> None:
        """End every open run."""
        for key in list(self._open):
            self.close(key, error)
