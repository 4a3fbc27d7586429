"""The events of a campaign as numbered lines with checksums, in segments: `000001.jsonl`, `000002.jsonl` and so on.

A line is

    {"crc32":"0a1b2c3d","line":17,"lease":3,"events":[...]}

with the CRC-32 of all that follows the first comma, the number of the line in the campaign, the number of the lease of
the driver that wrote it, and the events of one step, which belong together. Lines of earlier versions are the list of
events by itself; they count like the others.

Each launch writes segments of its own. So a line that a crash left incomplete is the last of its segment and is left
out. A driver that lost its lease may have written on for a moment: the next driver continues after the last line that
it has read, and what an older lease wrote from that number on is ignored. Anything else that is damaged, missing or
doubled is an error that names the place. The lease says how many lines there are at least, so that the end cannot be
lost either: all up to the last step that is more than an epoch, and after a clean end all of them.
"""

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gear.errors import StorageError
from search.storage.append_log import Log
from search.storage.base import StoragePath
from search.storage.lease import Lease

__all__ = ["EventLog", "Line", "lines_of", "make_line", "read_lines", "segments", "span"]

SEGMENT = re.compile(r"\d{6}\.jsonl")
LINE = re.compile(rb'\{"crc32":"([0-9a-f]{8})",("line":(\d{1,18}),"lease":(\d{1,18}),"events":(\[.*\])\})')


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the events.

    Attributes:
        number: in the campaign, from 1 on; 0 where an earlier version did not number its lines.
        lease: of the driver that wrote it; 0 in the same case.
        events: their JSON, a list.
        place: file and line, for messages.
        error: what is wrong with it; empty where it is whole.
    """

    number: int
    lease: int
    events: bytes
    place: str
    error: str = ""


def make_line(number: int, lease: int, events: Sequence[Any]) -> bytes:
    """A line, with its end, of events as plain values."""
    text = json.dumps(events, separators=(",", ":"))
    rest = f'"line":{number},"lease":{lease},"events":{text}}}'.encode()
    return b'{"crc32":"%08x",%s\n' % (zlib.crc32(rest), rest)


def segments(folder: StoragePath) -> list[StoragePath]:
    """The segments in a folder of events, oldest first. Files with other names do not count."""
    return [file for file in folder.glob("*.jsonl") if SEGMENT.fullmatch(file.name)]


def lines_of(segment: StoragePath) -> Iterator[Line]:
    """The lines of a segment, damaged ones too. After the last line end there is nothing, or an incomplete line."""
    for position, text in enumerate(segment.read_bytes().split(b"\n")[:-1], 1):
        yield _parsed(text, f"{segment}, line {position}")


def read_lines(folder: StoragePath, stored: int | None = None) -> Iterator[Line]:
    """The lines of all events, oldest first, while a driver may be writing more.

    Args:
        folder: of the events.
        stored: how many lines there are at least; None where this is not known.

    Raises:
        StorageError: a line is damaged, missing, or there twice.
    """
    last = lease = given = 0
    waiting: list[Line] = []  # of the newest segment with any: the next driver may not have read the last of them
    for segment in _in_sequence(segments(folder)):
        fresh: list[Line] = []
        for line in lines_of(segment):
            if line.error:
                raise StorageError(f"{line.place}: {line.error}")
            if not line.number:
                line = _numbered(line, last + 1, lease)
            if line.lease < lease:  # its driver had lost the campaign
                continue
            if line.lease > lease:
                lease, last = line.lease, min(last, line.number - 1)
                waiting, fresh = ([one for one in lines if one.number <= last] for lines in (waiting, fresh))
            if line.number != last + 1 or line.number <= given:
                raise StorageError(_out_of_sequence(line, last))
            last = line.number
            fresh.append(line)
        if fresh:
            yield from waiting
            given, waiting = fresh[0].number - 1, fresh
    yield from waiting
    if stored is not None and last < stored:
        raise StorageError(f"{folder} ends too early: {span(last + 1, stored)} missing")


class EventLog:
    """Writes the events of a campaign whose lease is held.

    Args:
        folder: of the events.
        lease: of the campaign.
        lines: that were read, after which this driver continues.
    """

    def __init__(self, folder: StoragePath, lease: Lease, lines: int) -> None:
        self.folder = folder
        self.lines = lines
        self._lease = lease
        self._segment: Log | None = None

    def append(self, number: int, events: Sequence[Any], *, durable: bool) -> None:
        """Write a line; nothing where an earlier call has written it and only failed to mark that.

        Raises:
            StorageError: another driver has taken over.
            OSError: it cannot be written now; the call may be repeated.
        """
        if number > self.lines:
            self._lease.check(now=durable)
            self._open_segment().append(make_line(number, self._lease.number, events), durable=durable)
            self.lines = number
        if durable:
            self._lease.mark(self.lines)

    def close(self) -> None:
        """Store what is not stored yet."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
            self._lease.mark(self.lines)

    def _open_segment(self) -> Log:
        if self._segment is not None and self._segment.full:
            self._segment.close()
            self._segment = None
        if self._segment is None:
            newest = max((_number(segment) for segment in segments(self.folder)), default=0)
            self._segment = (self.folder / f"{newest + 1:06d}.jsonl").new_log()
        return self._segment


def _parsed(text: bytes, place: str) -> Line:
    if found := LINE.fullmatch(text):
        checksum, rest, number, lease, events = found.groups()
        if int(checksum, 16) == zlib.crc32(rest):
            return Line(int(number), int(lease), events, place)
    elif text.startswith(b"[") and text.endswith(b"]"):
        return Line(0, 0, text, place)
    return Line(0, 0, b"", place, "the line is damaged")


def _in_sequence(found: Iterable[StoragePath]) -> Iterator[StoragePath]:
    """The segments, until one is missing."""
    for expected, segment in enumerate(found, 1):
        if _number(segment) != expected:
            raise StorageError(f"{segment.parent / f'{expected:06d}.jsonl'} is missing")
        yield segment


def _number(segment: StoragePath) -> int:
    return int(segment.name.removesuffix(".jsonl"))


def _numbered(line: Line, number: int, lease: int) -> Line:
    """A line of an earlier version with the number that it would have now."""
    if lease:
        raise StorageError(f"{line.place} is of an earlier version than the lines before it")
    return replace(line, number=number)


def _out_of_sequence(line: Line, last: int) -> str:
    if line.number > last + 1:
        return f"{line.place} is line {line.number} of the events: {span(last + 1, line.number - 1)} missing before it"
    return f"{line.place} is line {line.number} of the events, which is there twice"


def span(first: int, last: int) -> str:
    """Numbers of lines in words, with their verb."""
    return f"line {first} is" if first == last else f"lines {first} to {last} are"
