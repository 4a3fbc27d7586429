"""Whether events follow each other as a campaign records them: what shows that one was lost, doubled or is foreign."""

from collections import Counter
from collections.abc import Collection

from search.campaign.events import (
    AttemptLost,
    BlendFinished,
    CheckpointLost,
    EpochReported,
    Event,
    StudyFinished,
    TrialAsked,
    TrialEnded,
)

__all__ = ["EventOrder"]


class EventOrder:
    """Takes the events of a campaign one by one, in order.

    Args:
        studies: names of the campaign's studies.
    """

    def __init__(self, studies: Collection[str]) -> None:
        self._studies = studies
        self._begun: Counter[str] = Counter()  # trials, by study
        self._running: set[tuple[str, int]] = set()

    def begun(self, study: str) -> int:
        """Number of a study's trials that have begun."""
        return self._begun[study]

    def take(self, event: Event) -> None:
        """Take the next event.

        Raises:
            ValueError: it cannot follow those before it; then it is not taken.
        """
        match event:
            case BlendFinished():
                for member in event.members:
                    self._known(event, member.study, member.number)
            case TrialAsked(attempt=0):
                self._begin(event)
            case TrialAsked() | EpochReported() | AttemptLost() | TrialEnded():
                self._known(event, event.study, event.number)
                if (event.study, event.number) not in self._running:
                    raise ValueError(f"{_words(event, event.study, event.number)}, which has ended before")
                if isinstance(event, TrialEnded):
                    self._running.remove((event.study, event.number))
            case CheckpointLost():
                self._known(event, event.study, event.number)
            case StudyFinished():
                self._known(event, event.study, event.winner)

    def _begin(self, event: TrialAsked) -> None:
        self._in_plan(event, event.study)
        begun = self._begun[event.study]
        if event.number != begun:
            raise ValueError(f"{_words(event, event.study, event.number)}, of which {begun} began before")
        self._begun[event.study] += 1
        self._running.add((event.study, event.number))

    def _known(self, event: Event, study: str, number: int) -> None:
        self._in_plan(event, study)
        if not 0 <= number < self._begun[study]:
            raise ValueError(f"{_words(event, study, number)}, which never began")

    def _in_plan(self, event: Event, study: str) -> None:
        if study not in self._studies:
            raise ValueError(f"{type(event).__name__} of study {study}, which is not in the plan")


def _words(event: Event, study: str, number: int) -> str:
    return f"{type(event).__name__} of trial {number} of {study}"
