"""Records a campaign in MLflow from a thread, in order, and repeats a request that failed.

A campaign keeps its own history, so its records can be sent from the beginning at any time. Records are therefore never
stored on disk: where a server is away for long, the waiting records are dropped, and the whole history is sent once the
server is back. A first start, a resume and a server that was away are handled alike, and a `RunWriter` does not write
again what MLflow has.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from gear.errors import GearError
from tracking.client import ServerAway, explained, first_line, open_client
from tracking.identity import CampaignIdentity
from tracking.mlflow_api import MlflowClient
from tracking.recording.messages import Record
from tracking.recording.run_writer import RunWriter

__all__ = ["Recorder"]

log = logging.getLogger(__name__)

QUEUE_LENGTH = 10_000  # records, some 20 MB; where more wait, the history is sent instead
RETRY_SECONDS = (0.5, 30.0)  # shortest and longest wait before a request is repeated
CLOSE_SECONDS = 60.0  # how long closing waits for a server that answers
AWAY_SECONDS = 15.0  # how long it waits for one that does not: time for one more request

Told = tuple[Record, int]  # a record and its time, milliseconds since 1970


class Recorder:
    """Writes one campaign. It connects when it is made, or finds the server away; `start` begins to write.

    Args:
        tracking_uri: of MLflow.
        campaign: whose record it is; another campaign of the same name keeps its own.
        client: of the URI, if the caller has one.

    Raises:
        StorageError: MLflow cannot record this campaign: an invalid URI, a file that cannot be written, access denied.
    """

    def __init__(self, tracking_uri: str, campaign: CampaignIdentity, client: MlflowClient | None = None) -> None:
        self._uri, self._campaign = tracking_uri, campaign
        self._client = client
        self._writer: RunWriter | None = None
        self._history: Callable[[], Iterable[Record]] = tuple
        self._changed = threading.Condition()  # guards all below
        self._queue: list[Told] = []
        self._behind = True  # the history must be sent, since some record was not queued
        self._busy = self._closing = self._abandoned = False
        self._awaited = 0  # number of callers that wait for the thread
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
        """Begin to write, the history first. Use as a context manager.

        Args:
            history: gives all records of the campaign so far, those passed to `tell` included.
        """
        self._history = history
        self._thread.start()
        return self

    def tell(self, *records: Record) -> None:
        """Queue records of what happened. Returns at once and never raises."""
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
        """Wait until everything is written; False if that takes longer than `timeout` seconds or no server answers."""
        return self._wait(lambda: not (self._behind or self._queue or self._busy), timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Write what is queued, mark unfinished runs as interrupted, and stop; give up after `timeout` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if not self._wait(lambda: not self._thread.is_alive(), timeout):
            self._abandoned = True
            log.error(
                "MLflow has not recorded all of campaign %s (%s); nothing is lost: "
                "gear-search record %s completes the record",
                self._campaign.name,
                self._trouble or "it is slow",
                self._campaign.name,
            )
        if self._writer is not None and self._writer.rejected:
            log.error(
                "MLflow rejected %d records of campaign %s, the first: %s",
                self._writer.rejected,
                self._campaign.name,
                self._writer.first_rejection,
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
        """Wait for work: whether the history must be sent, and the queued records; neither when it is time to stop."""
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
            StorageError: MLflow cannot be reached, or denies access.
        """
        client = self._client or open_client(self._uri, create=True)
        try:
            self._writer = RunWriter(client, self._uri, self._campaign)
        except GearError:
            raise
        except Exception as error:
            raise explained(self._uri, error) from error

    @property
    def _known_writer(self) -> RunWriter:
        assert self._writer is not None
        return self._writer

    def _persist(self, task: Callable[[], None]) -> None:
        """Repeat a task until it succeeds."""
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
        """Wait before a request is repeated, for a shorter time where a caller waits."""
        until = time.monotonic() + seconds
        with self._changed:
            while not self._abandoned and (now := time.monotonic()) < until:
                if self._awaited:
                    until = min(until, now + RETRY_SECONDS[0])
                self._changed.wait(min(until - now, RETRY_SECONDS[0]))


def _now() -> int:
    return int(time.time() * 1000)
