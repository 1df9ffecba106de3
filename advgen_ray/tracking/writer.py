"""One background thread that talks to MLflow, so that neither its slow start nor its absence holds up the work.

Importing mlflow and laying out a fresh sqlite file take seven seconds on a quiet machine; a job spends them training.
A server that does not answer is tried again for as long as the work goes on; what it has not taken by then, or has
refused, is stored on disk, and the next job that records there sends it.
"""

import queue
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path

from advgen_ray.credentials import redacted
from advgen_ray.errors import first_line
from advgen_ray.tracking import unsent
from advgen_ray.tracking.sender import Entry, Sender
from advgen_ray.tracking.server import (
    check_tracking,
    experiment_name,
    records_folder,
    sqlite_path,
    tracking_uri,
    without_secrets,
)

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds between two tries at a server that does not answer
PATIENCE = 15.0  # seconds for such a server once the work is over
REFUSALS = 3  # by a server that does answer, before an entry is left for the next job

Then = Callable[[], None]
"""Called in the writer's thread once an entry and all of its run before it are sent; never if any is left over."""


class Outcome(Enum):
    """What became of an entry: MLflow has it, would not take it, or did not answer to the end."""

    SENT = auto()
    REFUSED = auto()
    AWAY = auto()


class Writer:
    """Entries for MLflow, sent in the order they were handed in."""

    def __init__(self) -> None:
        self.uri = tracking_uri()
        self.sender = Sender(self.uri, experiment_name())
        self.entries: queue.Queue[tuple[Entry, Then | None] | None] = queue.Queue()
        self._kept = tempfile.TemporaryDirectory(prefix="advgen-tracking-")
        self._unsent = records_folder() / "unsent"
        self._over_since: float | None = None
        self._warned: set[str] = set()
        self._refused: Counter[str] = Counter()  # entries in a row, by what they do
        self._incomplete: set[str] = set()  # runs of which something was refused, by our keys
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def submit(self, entry: Entry, then: Then | None = None) -> None:
        """Queue an entry; returns at once."""
        self.entries.put((entry, then))

    def keep(self, content: bytes, name: str = "content") -> str:
        """A file for one entry to name, which lasts until that is dealt with."""
        path = Path(self._kept.name, uuid.uuid4().hex, name)
        path.parent.mkdir()
        path.write_bytes(content)
        return str(path)

    def close(self) -> None:
        """Wait until everything queued is sent, or stored for later."""
        self._over_since = time.monotonic()
        self.entries.put(None)
        self._thread.join()
        self._kept.cleanup()

    def _work(self) -> None:
        try:
            self._send_stored()
            left = list(self._unsent_of_queue())
            if left:
                path = unsent.store(self._unsent, redacted(self.uri), left, self.sender.ids)
                self._warn("stored", f"{len(left)} entries wait in {path}; the next job that records there sends them")
        except OSError as error:  # a full disk, say
            self._warn("lost", f"the rest of the record is lost, results are not affected: {error}")

    def _unsent_of_queue(self) -> Iterator[Entry]:
        """Send what is queued until the work is over; yields what was refused, and all after a server went away."""
        outcome = Outcome.SENT
        for entry, then in iter(self.entries.get, None):
            try:
                outcome = outcome if outcome is Outcome.AWAY else self._outcome(entry, REFUSALS)
            except Exception as error:  # whatever it is, it ends neither this thread nor what is kept for later
                self._warn("odd", f"nothing more is sent by this job: {error!r}")
                outcome = Outcome.AWAY
            if outcome is Outcome.SENT:
                self._dealt_with(entry, then)
            else:
                yield entry
            self.entries.task_done()

    def _send_stored(self) -> None:
        """Send what earlier jobs could not; whatever is wrong with that costs this job's record nothing."""
        try:
            with unsent.claimed(self._unsent, redacted(self.uri)) as stored:
                for later in stored:
                    self.sender.ids |= later.ids
                    outcomes = {Outcome.SENT}
                    for entry in later.entries:
                        outcomes.add(self._outcome(entry, 1))
                        if Outcome.AWAY in outcomes:
                            return
                    later.sent, later.refused = outcomes == {Outcome.SENT}, Outcome.REFUSED in outcomes
        except Exception as error:
            self._warn("unsent", f"what waits in {self._unsent} was not sent: {error!r}")

    def _dealt_with(self, entry: Entry, then: Then | None) -> None:
        if "path" in entry:  # a study has a model each hour, and /tmp may be small
            shutil.rmtree(Path(entry["path"]).parent, ignore_errors=True)
        if then and entry["run"] not in self._incomplete:
            try:
                then()
            except Exception as error:
                self._warn("mark", f"the next command looks again at what is recorded: {error}")

    def _outcome(self, entry: Entry, tries: int) -> Outcome:
        """Send an entry; a refusal is remembered of its run, and one of a run's opening refuses all that is in it."""
        opening = entry["do"] == "open"
        within = entry["parent"] if opening else entry["run"]
        if within and within not in self.sender.ids:
            outcome = Outcome.REFUSED if within in self._incomplete else Outcome.SENT  # else it is recorded already
        else:
            outcome = self._sent(entry, tries)
        if outcome is Outcome.REFUSED:
            self._incomplete.add(entry["run"])
        return outcome

    def _sent(self, entry: Entry, tries: int) -> Outcome:
        kind, wait = entry["do"], FIRST_WAIT
        if self._refused[kind] >= REFUSALS:  # in a row: a long record must not take hours to refuse
            tries = 1
        while True:
            try:
                self.sender.send(entry)
                self._refused[kind] = 0
                return Outcome.SENT
            except Exception as error:  # whatever MLflow raises: a lost record must not cost hours of computing
                if self._answers():
                    tries -= 1
                    if not tries:
                        self._refused[kind] += 1
                        said = without_secrets(first_line(error))
                        self._warn(f"refused {kind}", f"an entry was refused, results are not affected: {said}")
                        return Outcome.REFUSED
                else:
                    self._warn("away", "the tracking server does not answer; what it is to record waits for it")
                    if self._over_since is not None and time.monotonic() - self._over_since > PATIENCE:
                        return Outcome.AWAY
                self._pause(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    def _answers(self) -> bool:
        if sqlite_path(self.uri):
            return True
        try:
            check_tracking()
        except Exception:  # it says in a UserError why not; whatever else stops us from asking is no answer, too
            return False
        return True

    def _pause(self, seconds: float) -> None:
        """Sleep, but wake up when the work is over, and then wait for seconds only."""
        was_over = self._over_since is not None
        until = time.monotonic() + (min(seconds, 2.0) if was_over else seconds)
        while time.monotonic() < until and (was_over or self._over_since is None):
            time.sleep(0.2)

    def _warn(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            with suppress(OSError, ValueError):  # nobody hears it
                print(f"advgen: warning: tracking: {text}", file=sys.stderr)
