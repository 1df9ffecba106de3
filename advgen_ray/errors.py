"""The exceptions that end in one line: a user's mistake, work left undone in part; and any other's first line."""

import zipfile
import zlib

# What reading a damaged zip file raises, by where the damage is, beside OSError and the ValueErrors of its content.
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


class UserError(ValueError):
    """A user's mistake: names the value, what was expected and the usual fix; a job exits with code 2."""


class AwayError(UserError):
    """No mistake of settings or data: storage does not answer as things are, and a later try may find it again."""


class IncompleteError(RuntimeError):
    """All that could be done is done and stored, a part could not; the same command tries it again; code 3."""


ELSEWHERE = (
    "a node that works for this job does not see it; give --set output=s3://BUCKET/NAME, or an absolute path on "
    "storage that every node shares"
)


def first_line(error: BaseException) -> str:
    """What an exception says, in one line: of urllib's what lies behind it, its name where it says nothing."""
    reason = getattr(error, "reason", error)
    said = getattr(reason, "strerror", None) or str(reason)
    return (said.strip().splitlines() or [type(reason).__name__])[0]
