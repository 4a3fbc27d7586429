"""The progress of a campaign: a live table on a terminal, elsewhere one line per finished trial."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gear.results import STATES
from search.campaign.campaign import Campaign
from search.campaign.events import AttemptLost, Event, TrialEnded
from search.campaign.study import Study, Trial
from search.launch.durations import duration
from search.launch.launch_options import Listener, attempt_lost_line, trial_ended_line

__all__ = ["ConsoleDisplay", "Progress", "campaign_table", "time_left"]

REASONS, LONGEST_REASON = 2, 60  # of failed trials, shown
ROWS_KEPT_FREE = 9  # of the terminal, for what was printed before and the table's own frame


class Progress:
    """Follows a campaign: a live table on a terminal, elsewhere one line per finished trial.

    Give it every event as it happens. `slots`: workers that the cluster runs at once, as it is now.
    """

    def __init__(self, campaign: Campaign, slots: Callable[[], int], console: Console) -> None:
        self.campaign = campaign
        self.slots = slots
        self.console = console
        self._started = self._seen = time.monotonic()
        self._busy = 0  # workers that had trials when the time was last looked at
        self._busy_seconds = self._slot_seconds = 0.0  # of all slots together

    def shown(self) -> AbstractContextManager[object]:
        """Show it for the length of a block."""
        if not self.console.is_terminal:
            return nullcontext()
        return Live(get_renderable=self.render, console=self.console, refresh_per_second=2, transient=True)

    def __call__(self, *events: Event) -> None:
        """Take the events of a step."""
        self._pass_time()
        for event in events:
            if self.console.is_terminal:
                continue
            if isinstance(event, TrialEnded):
                self.console.print(trial_ended_line(self.campaign, event), soft_wrap=True)
            if isinstance(event, AttemptLost):
                self.console.print(attempt_lost_line(event), soft_wrap=True)

    def render(self) -> RenderableType:
        """The table as it is now."""
        elapsed = time.monotonic() - self._started
        with self.campaign.lock:
            slots = self.slots()
            headline = f"{min(self.campaign.live, slots)} of {slots} slots busy"
            note = f"{duration(elapsed)} elapsed, {time_left(self.campaign, slots)} left"
            note += f", {self.busy_share():.0%} of the slots busy so far"
            return campaign_table(self.campaign, headline, note, self.console.height)

    def busy_share(self) -> float:
        """Share of the slots that were busy, mean over the launch so far."""
        self._pass_time()
        return self._busy_seconds / max(self._slot_seconds, 1e-9)

    def _pass_time(self) -> None:
        now, slots = time.monotonic(), self.slots()
        self._busy_seconds += min(self._busy, slots) * (now - self._seen)
        self._slot_seconds += slots * (now - self._seen)
        self._seen, self._busy = now, self.campaign.live


class ConsoleDisplay:
    """Shows a launch on a console, see `search.launch.launch_options.Display`."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, line: str) -> None:
        """Show a line."""
        self.console.print(line, soft_wrap=True)

    def follow(self, campaign: Campaign, slots: Callable[[], int]) -> tuple[Listener, AbstractContextManager[object]]:
        """See `search.launch.launch_options.Display.follow`."""
        progress = Progress(campaign, slots, self.console)
        return progress, progress.shown()


def campaign_table(campaign: Campaign, headline: str, note: str, height: int | None = None) -> Table:
    """The studies of a campaign, one row each.

    Args:
        campaign: as it is now.
        headline: ends the title.
        note: begins the caption.
        height: lines of the screen; where it is too small, studies that run come first and finished ones last.
    """
    studies = list(campaign.studies.values())
    room = len(studies) if height is None else max(height - ROWS_KEPT_FREE, 1)
    if len(studies) > room:
        studies.sort(key=_prominence)
        note += f"; {len(studies) - room} more studies"
    trials = _trials(campaign)
    ended = sum(trial.state != "running" for trial in trials)
    title = f"{campaign.plan.name}: {ended} of {ended + _left(campaign)} trials, {headline}"
    caption = "\n".join([note, *_failures(trials)])
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    table.add_column("study", overflow="fold")
    for name in ("trials", "complete", "pruned", "failed", "best validation RMSE"):
        table.add_column(name, justify="right")
    table.add_column(f"running, at epoch of {campaign.plan.epochs}")
    for study in studies[:room]:
        table.add_row(*_row(study, campaign.left(study)))
    return table


def time_left(campaign: Campaign, slots: int) -> str:
    """Time that the trials still need, `slots` at once, from the mean length of those that ended."""
    trials = _trials(campaign)
    ended = [trial.seconds for trial in trials if trial.state != "running"]
    if not any(ended):
        return "?"
    under_way = sum(trial.seconds for trial in trials if trial.state == "running")
    seconds = max(_left(campaign) * sum(ended) / len(ended) - under_way, 0.0)
    return f"about {duration(seconds / max(slots, 1))}"


def _row(study: Study, left: int) -> tuple[str | Text, ...]:
    ended = [study.count(state) for state in STATES]
    running = sorted(trial.epoch for trial in study.running.values())
    again = sorted({trial.purpose for trial in study.running.values() if trial.purpose != "search"})
    done = not left and not running
    failed = Text(str(ended[2]), style="red" if ended[2] else "")
    best = "" if study.best is None else f"{study.best.value:.4f}"
    at = "given up" if study.given_up else "done" if done else " ".join(map(str, [*again, *running]))
    name = Text(study.name, style="green" if done else "")
    return name, f"{sum(ended)}/{study.planned}", str(ended[0]), str(ended[1]), failed, best, at


def _prominence(study: Study) -> tuple[bool, bool]:
    """Running studies first, finished ones last."""
    return not study.running, study.to_start <= 0


def _trials(campaign: Campaign) -> list[Trial]:
    return [trial for study in campaign.studies.values() for trial in study.trials]


def _left(campaign: Campaign) -> int:
    """Trials that have not ended."""
    return sum(campaign.left(study) + len(study.running) for study in campaign.studies.values())


def _failures(trials: Sequence[Trial]) -> list[str]:
    """A line with the most frequent reasons of failed trials, if any failed."""
    reasons = Counter(trial.reason for trial in trials if trial.state == "failed")
    told = [f"{count} x {reason[:LONGEST_REASON]}" for reason, count in reasons.most_common(REASONS)]
    return [f"failed: {'; '.join(told)}"] if told else []
