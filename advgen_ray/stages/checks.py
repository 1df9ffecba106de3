"""A job's checks without its work: what a search asks of a trial's job before it starts any."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_alone: ContextVar[bool] = ContextVar("checks_alone", default=False)


class _CheckedError(Exception):
    """All that a job checks before its work is checked."""


@contextmanager
def checks_alone() -> Iterator[None]:
    """Whatever job runs inside ends where its work would begin; its mistakes, UserErrors, come out."""
    token = _alone.set(True)
    try:
        yield
    except _CheckedError:
        pass
    finally:
        _alone.reset(token)


def work_begins() -> None:
    """A job has checked what it was given; inside ``checks_alone`` it goes no further."""
    if _alone.get():
        raise _CheckedError
