"""What a person sees: the plan, a live progress table, the leaderboard. On no terminal: plain lines."""

import shlex
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gear.data.protocol import parse_split
from gear.diagnostics import compare_splits
from search.campaign import Campaign
from search.events import STATES, AttemptLost, Event, TrialAsked, TrialEnded
from search.folder import Folder
from search.plan import CampaignPlan, SearchSettings
from search.standings import Standing
from search.study import Study, Trial

__all__ = [
    "Progress",
    "campaign_table",
    "duration",
    "make_console",
    "plan_text",
    "print_leaderboard",
    "resume_command",
    "time_left",
]

PLAIN_WIDTH = 140
HASH_SHOWN = 8  # digits of a split's hash
REASONS, LONGEST_REASON = 2, 60  # of failed trials, shown
ROWS_KEPT_FREE = 9  # of the terminal, for what was printed before and the table's own frame


def make_console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=PLAIN_WIDTH, highlight=False)


def plan_text(plan: CampaignPlan) -> str:
    """A plan in a few lines."""
    search, studies = plan.search, len(plan.studies)
    pairs = ", ".join(pair.id for pair in plan.pairs) if len(plan.pairs) <= 4 else f"{len(plan.pairs)} pairs"
    return "\n".join(
        [
            f"campaign {plan.name}: {studies} studies = {pairs} x {', '.join(plan.splits)} x {', '.join(plan.methods)}",
            f"  {search.trials} trials a study, {studies * search.trials} in all, of at most {plan.epochs} epochs; "
            f"sampler {search.sampler}, early stopping after {search.grace_steps} steps",
            *_selection(search),
            f"  seed {search.seed}, split seed {search.split_seed}, "
            f"{search.cpus_per_trial} CPUs and {search.gpus_per_trial:g} GPUs a trial",
        ]
    )


def _selection(search: SearchSettings) -> list[str]:
    """How the winner is found, where that takes more than a look at the trials."""
    told = []
    if search.validation_folds > 1:
        told.append(f"{search.validation_folds} validation folds a trial")
    if search.finalists > 1:
        told.append(f"the best {search.finalists} again on {search.finalist_seeds} fresh seeds")
    if search.final == "refit":
        told.append(f"the winner refitted on {search.refit_folds} folds x {search.refit_seeds} seeds")
    return ["  " + ", ".join(told)] if told else []


class Progress:
    """Follows a campaign: a live table on a terminal, a line a finished trial elsewhere.

    Give it every event as it happens. `slots`: trials that the cluster runs at once, as it is now.
    """

    def __init__(self, campaign: Campaign, slots: Callable[[], int], console: Console) -> None:
        self.campaign = campaign
        self.slots = slots
        self.console = console
        self._started = self._seen = time.monotonic()
        self._running: set[tuple[str, int]] = set()  # trials handed out in this launch
        self._busy_seconds = self._slot_seconds = 0.0  # of all slots together

    def shown(self) -> AbstractContextManager[object]:
        """Show it for the length of a block."""
        if not self.console.is_terminal:
            return nullcontext()
        return Live(get_renderable=self.render, console=self.console, refresh_per_second=2, transient=True)

    def __call__(self, *events: Event) -> None:
        """Take events."""
        for event in events:
            self._tally(event)
            if self.console.is_terminal:
                continue
            if isinstance(event, TrialEnded):
                self.console.print(self._line(event), soft_wrap=True)
            if isinstance(event, AttemptLost):
                self.console.print(
                    f"{event.study} trial {event.number}: its worker died ({event.reason})", soft_wrap=True
                )

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
        """Of the slots, mean over the launch until now."""
        self._pass_time()
        return self._busy_seconds / max(self._slot_seconds, 1e-9)

    def _pass_time(self) -> None:
        now, slots = time.monotonic(), self.slots()
        self._busy_seconds += min(len(self._running), slots) * (now - self._seen)
        self._slot_seconds += slots * (now - self._seen)
        self._seen = now

    def _tally(self, event: Event) -> None:
        self._pass_time()
        match event:
            case TrialAsked():
                self._running.add((event.study, event.number))
            case TrialEnded() | AttemptLost():
                self._running.discard((event.study, event.number))

    def _line(self, event: TrialEnded) -> str:
        study = self.campaign.studies[event.study]
        trial = study.trials[event.number]
        value = "" if event.value is None else f", validation RMSE {event.value:.4f}"
        place = f"{study.ended}/{study.planned}"
        name = f"trial {event.number}" + (f", {trial.origin}," if trial.purpose != "search" else "")
        return f"{event.study} {place}: {name} {event.state} ({event.reason}){value}"


def campaign_table(campaign: Campaign, headline: str, note: str, height: int | None = None) -> Table:
    """The studies of a campaign, a row each.

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
    table.add_column("study")
    for name in ("trials", "complete", "pruned", "failed", "best validation RMSE"):
        table.add_column(name, justify="right")
    table.add_column(f"running, at epoch of {campaign.plan.epochs}")
    for study in studies[:room]:
        table.add_row(*_row(study, campaign.left(study)))
    return table


def time_left(campaign: Campaign, slots: int) -> str:
    """Of `slots` trials at once, by the mean length of those that ended; early stopping included."""
    trials = _trials(campaign)
    ended = [trial.seconds for trial in trials if trial.state != "running"]
    if not any(ended):
        return "?"
    under_way = sum(trial.seconds for trial in trials if trial.state == "running")
    seconds = max(_left(campaign) * sum(ended) / len(ended) - under_way, 0.0)
    return f"about {duration(seconds / max(slots, 1))}"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, `1:02:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def resume_command(name: str, storage: Folder, *more: str) -> str:
    """What to type to go on with a campaign."""
    return shlex.join(["python", "-m", "search.run", "--resume", "--name", name, "--storage", str(storage), *more])


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
    """A line with the most frequent reasons of failed trials, if there are any."""
    reasons = Counter(trial.reason for trial in trials if trial.state == "failed")
    told = [f"{count} x {reason[:LONGEST_REASON]}" for reason, count in reasons.most_common(REASONS)]
    return [f"failed: {'; '.join(told)}"] if told else []


def print_leaderboard(console: Console, standings: Sequence[Standing], units: dict[str, str]) -> None:
    """The winners, and what they say of each other where they were tested on the same molecules and values.

    Args:
        console: to print to.
        standings: a line each.
        units: by pair.
    """
    table = Table(title="winners, chosen on validation; RMSE in standard deviations of the training part")
    for column in ("study", "complete/pruned/failed", "validation RMSE", "test RMSE", "in units", "times tested"):
        table.add_column(column, justify="left" if column == "study" else "right")
    table.add_column("split")
    for row in standings:
        in_units = f"{row.test_rmse_units:.4g} {units[row.pair]}" if row.test_rmse_units is not None else ""
        table.add_row(
            row.study,
            f"{row.complete}/{row.pruned}/{row.failed}",
            _rmse(row.validation_rmse),
            _rmse(row.test_rmse),
            in_units,
            str(row.test_evaluations),
            row.split_hash[:HASH_SHOWN],
        )
    console.print(table)
    tested = [row for row in standings if row.split_hash]
    for line in (*_against_single_task(tested), *_against_random(tested)):
        console.print(line, soft_wrap=True)


def _against_single_task(standings: Sequence[Standing]) -> list[str]:
    """Did transfer help? Every method's test RMSE against single-task learning's on the same split of the same data."""
    alone = {(row.split_hash, row.data_hash): row.test_rmse for row in standings if row.method == "stl"}
    lines = []
    for row in standings:
        base = alone.get((row.split_hash, row.data_hash))
        if row.method != "stl" and base is not None and row.test_rmse is not None:
            change = 100 * (row.test_rmse / base - 1)
            verdict = "lower" if change < 0 else "higher"
            lines.append(
                f"{row.pair} {row.split}: test RMSE of {row.method} is {abs(change):.1f} % {verdict} than of stl"
            )
    return lines


def _against_random(standings: Sequence[Standing]) -> list[str]:
    """Where a method fails on new scaffolds far more than on a random split of the same data."""
    on = {(row.data_hash, row.method, row.split): row.test_rmse for row in standings}
    lines = []
    for row in standings:
        base = on.get((row.data_hash, row.method, row.split.replace("scaffold", "random", 1)))
        if parse_split(row.split).base == "scaffold" and base and row.test_rmse is not None:
            finding = compare_splits(base, row.test_rmse)
            lines += [f"{row.study}: {finding.message}"] if finding is not None else []
    return lines


def _rmse(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
