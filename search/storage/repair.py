"""Keeps of a damaged log of events all that is whole, and says what is lost.

The lines that are whole are written anew, without gaps, into a folder of their own, which campaign.json then names; the
damaged files stay where they are. A trial whose beginning is lost cannot be told from its end alone. It counts as
failed, with the configuration that its trial.json has, so that the trials after it keep their numbers.
"""

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gear.errors import StorageError
from gear.recorded import complete
from search.campaign.event_order import EventOrder
from search.campaign.events import Event, TrialAsked, TrialEnded, encode
from search.storage.base import StoragePath
from search.storage.campaign_store import (
    EVENTS,
    decode_line,
    events_folder,
    plan_in,
    read_events,
    read_head,
    write_head,
)
from search.storage.event_log import EventLog, Line, lines_of, segments, span
from search.storage.layout import trial_folder
from search.storage.lease import Lease

__all__ = ["repair"]

LOST = "its beginning is lost from the events"


def repair(folder: StoragePath) -> list[str]:
    """Repair the events of a campaign that no driver works on.

    Args:
        folder: of the campaign.

    Returns:
        A line for everything that is lost; nothing where the events are whole.

    Raises:
        StorageError: there is no campaign, its campaign.json is damaged, a driver works on it, or it has events that
            this version does not know.
        OSError: the folder cannot be read or written.
    """
    head = read_head(folder)
    lease = Lease(folder)
    try:
        events_folder(folder, head).refresh()
        return _repair(folder, head, lease)
    finally:
        lease.release()


def _repair(folder: StoragePath, head: dict[str, Any], lease: Lease) -> list[str]:
    studies = [study.name for study in plan_in(folder, head).studies]
    if _fits(folder, studies):
        return []
    said: list[str] = []
    steps = list(_steps(folder, list(_whole_lines(folder, head, lease.lines, said)), studies, said))
    name = f"{EVENTS}-repaired-{len(folder.glob(f'{EVENTS}-repaired-*')) + 1}"
    log = EventLog(folder / name, lease, lines=0)
    for number, step in enumerate(steps, 1):
        log.append(number, [encode(event) for event in step], durable=False)
    log.close()
    write_head(folder, head | {"events": name})
    lease.lines = len(steps)
    return [*said, f"{len(steps)} lines are kept in {folder / name}; {events_folder(folder, head)} stays as it was"]


def _fits(folder: StoragePath, studies: list[str]) -> bool:
    """Whether the events are whole and fit together."""
    order = EventOrder(studies)
    try:
        for event in read_events(folder):
            order.take(event)
    except (StorageError, ValueError):
        return False
    return True


def _whole_lines(folder: StoragePath, head: Mapping[str, Any], stored: int | None, said: list[str]) -> Iterator[Line]:
    """The lines that are whole, in order, each once; those that are not, and the numbers that lack, are said.

    Of two lines with one number that of the later lease counts, as in `search.storage.event_log.read_lines`.
    """
    found: dict[int, Line] = {}
    last = lease = 0
    for segment in segments(events_folder(folder, head)):
        for line in lines_of(segment):
            if line.error:
                said.append(f"{line.place}: {line.error}")
                last += not lease  # an earlier version did not number its lines
                continue
            number = line.number or last + 1
            if line.lease > lease:
                lease = line.lease
                found = {one: before for one, before in found.items() if one < number}
            if line.lease == lease and number not in found:
                found[number] = dataclasses.replace(line, number=number)
            last = max(last, number)
    numbers = [0, *sorted(found), max(last, stored or 0) + 1]
    for before, after in itertools.pairwise(numbers):
        if after > before + 1:
            said.append(f"{span(before + 1, after - 1)} lost")
    yield from (found[number] for number in sorted(found))


def _steps(folder: StoragePath, lines: list[Line], studies: list[str], said: list[str]) -> Iterator[list[Event]]:
    """The events of each line that fit to those before, and the ends of trials whose beginning is lost."""
    order, left_out = EventOrder(studies), Counter[str]()
    for line in lines:
        try:
            events = decode_line(line)
        except StorageError as error:
            if line.lease:  # its checksum is right, so it is of a newer version
                raise
            said.append(str(error))
            continue
        for event in events:
            if isinstance(event, TrialAsked) and event.attempt == 0:
                yield from _lost_trials(folder, event, order, said)
        kept = [event for event in events if _fits_next(event, order, left_out)]
        if kept:
            yield kept
    said += [f"left out, since they do not fit to the rest: {count} x {what}" for what, count in left_out.items()]


def _fits_next(event: Event, order: EventOrder, left_out: Counter[str]) -> bool:
    try:
        order.take(event)
    except ValueError:
        left_out[type(event).__name__] += 1
        return False
    return True


def _lost_trials(folder: StoragePath, after: TrialAsked, order: EventOrder, said: list[str]) -> Iterator[list[Event]]:
    """For each trial of a study that lacks before one that begins, events by which it failed."""
    for number in range(order.begun(after.study), after.number):
        place = folder / trial_folder(after.study, number) / "trial.json"
        try:
            config = complete(json.loads(place.read_bytes())["config"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            said.append(f"the trials of {after.study} from {number} on are lost: {place} cannot be read ({error})")
            return
        events: list[Event] = [
            TrialAsked(after.study, number, 0, {}, {}, config, origin="lost"),
            TrialEnded(after.study, number, "failed", LOST, None, 0),
        ]
        for event in events:
            order.take(event)
        said.append(f"trial {number} of {after.study} counts as failed: {LOST}")
        yield events
