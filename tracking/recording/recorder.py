"""Records a campaign in MLflow, whatever MLflow does: a thread writes what it is told, in order, again where need be.

The record can be told from its beginning at any time, since a campaign keeps its own history. So nothing is spooled:
where a server is away for long, what waits for it is dropped, and the history is told once it is back. The first start,
a resume and a server that was away are one mechanism, and what a `RunWriter` has already is not written again.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from gear.errors import GearError
from tracking.client import ServerAway, explained, first_line, open_client
from tracking.mlflow_api import MlflowClient
from tracking.recording.messages import Record
from tracking.recording.run_writer import RunWriter

__all__ = ["Recorder"]

log = logging.getLogger(__name__)

QUEUE_LENGTH = 10_000  # records, some 20 MB; more, and the history is told instead
RETRY_SECONDS = (0.5, 30.0)  # first and longest wait for a server that is away
CLOSE_SECONDS = 60.0  # for a server that writes
AWAY_SECONDS = 15.0  # for one that does not answer: time for one more request

Told = tuple[Record, int]  # and when, milliseconds


class Recorder:
    """Writes one campaign. Made, it has MLflow's answer, or knows that it must wait for one; `start` it to write.

    Args:
        tracking_uri: of MLflow.
        campaign: its name, the experiment's.
        created: tells a new campaign from an older one of the same name, which keeps its experiment.
        client: of the URI, if there is one already.

    Raises:
        StorageError: MLflow will never take this campaign: a wrong URI, a file that cannot be written, a user refused.
    """

    def __init__(self, tracking_uri: str, campaign: str, created: str = "", client: MlflowClient | None = None) -> None:
        self._uri, self._campaign, self._created = tracking_uri, campaign, created
        self._client = client
        self._writer: RunWriter | None = None
        self._history: Callable[[], Iterable[Record]] = tuple
        self._changed = threading.Condition()  # guards all below
        self._queue: list[Told] = []
        self._behind = True  # the history is to be told: something was not queued
        self._busy = self._closing = self._abandoned = False
        self._awaited = 0  # callers that wait for the thread now
        self._trouble = ""  # why the last request failed, until one succeeds
        self._thread = threading.Thread(target=self._work, name="mlflow-recorder", daemon=True)
        try:
            self._open()
        except ServerAway as error:
            self._trouble = str(error)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def away(self) -> bool:
        """Whether the server does not answer now."""
        return bool(self._trouble)

    def start(self, history: Callable[[], Iterable[Record]]) -> "Recorder":
        """Begin to write: the history first. Use as a context manager.

        Args:
            history: tells the campaign from its beginning; what `tell` was given so far is part of it.
        """
        self._history = history
        self._thread.start()
        return self

    def tell(self, *records: Record) -> None:
        """Something happened. Returns at once and never raises."""
        now = _now()
        with self._changed:
            if self._behind:
                return
            if len(self._queue) + len(records) > QUEUE_LENGTH:
                self._queue.clear()
                self._behind = True
            else:
                self._queue += [(record, now) for record in records]
            self._changed.notify_all()

    def flush(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Wait until everything is written; False if that did not happen in time, or the server does not answer."""
        return self._wait(lambda: not (self._behind or self._queue or self._busy), timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Write what is left, mark unfinished runs as interrupted, and stop; give up after `timeout` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if not self._wait(lambda: not self._thread.is_alive(), timeout):
            self._abandoned = True
            log.error(
                "MLflow did not take all of campaign %s (%s); nothing is lost: "
                "python -m search.cli.record %s completes it",
                self._campaign,
                self._trouble or "it is slow",
                self._campaign,
            )
        if self._writer is not None and self._writer.refused:
            log.error(
                "MLflow refused %d records of campaign %s, the first: %s",
                self._writer.refused,
                self._campaign,
                self._writer.first_refusal,
            )

    def _wait(self, done: Callable[[], bool], timeout: float) -> bool:
        started = answered = time.monotonic()
        with self._changed:
            self._awaited += 1
            try:
                while not done():
                    now = time.monotonic()
                    answered = answered if self._trouble else now
                    if now - started > timeout or now - answered > AWAY_SECONDS:
                        return False
                    self._changed.wait(0.05)
                return True
            finally:
                self._awaited -= 1

    # the writing thread

    def _work(self) -> None:
        if self._writer is None:
            self._persist(self._open)
        while not self._abandoned:
            behind, queue = self._next()
            if behind:
                self._persist(self._tell_history)
            elif queue:
                self._write(queue)
            else:
                self._persist(lambda: self._known_writer.close(_now()))
                return

    def _next(self) -> tuple[bool, Sequence[Told]]:
        """What is to be done, once there is something; nothing where the end has come."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._behind or self._queue or self._closing or self._abandoned)
            behind, queue = self._behind, self._queue
            self._busy, self._behind, self._queue = True, False, []
            return behind, queue

    def _tell_history(self) -> None:
        self._write((record, _now()) for record in self._history())

    def _write(self, told: Iterable[Told]) -> None:
        for record, now in told:
            if self._abandoned:
                return
            self._persist(partial(self._known_writer.write, record, now))
        self._persist(partial(self._known_writer.flush, _now()))

    def _open(self) -> None:
        """Connect.

        Raises:
            StorageError: MLflow cannot be reached, or refuses.
        """
        client = self._client or open_client(self._uri, create=True)
        try:
            self._writer = RunWriter(client, self._uri, self._campaign, self._created)
        except GearError:
            raise
        except Exception as error:
            raise explained(self._uri, error) from error

    @property
    def _known_writer(self) -> RunWriter:
        assert self._writer is not None
        return self._writer

    def _persist(self, task: Callable[[], None]) -> None:
        """Do a task, however often it takes."""
        wait, longest = RETRY_SECONDS
        while not self._abandoned:
            try:
                task()
            except Exception as error:
                self._trouble = first_line(error)
                log.debug("MLflow: %s; trying again in %.1f s", error, wait)
                self._pause(wait)
                wait = min(2 * wait, longest)
            else:
                self._trouble = ""
                return

    def _pause(self, seconds: float) -> None:
        """Less long where somebody waits."""
        until = time.monotonic() + seconds
        with self._changed:
            while not self._abandoned and (now := time.monotonic()) < until:
                if self._awaited:
                    until = min(until, now + RETRY_SECONDS[0])
                self._changed.wait(min(until - now, RETRY_SECONDS[0]))


def _now() -> int:
    return int(time.time() * 1000)
