"""What a person sees: the plan, a live progress table, the leaderboard. On no terminal: plain lines."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gear.diagnostics import compare_splits
from search.campaign import Campaign
from search.events import STATES, AttemptLost, EpochReported, Event, TrialEnded
from search.finalize import Standing
from search.plan import CampaignPlan
from search.study import Study

__all__ = ["Progress", "make_console", "plan_text", "print_leaderboard"]

PLAIN_WIDTH = 140
HASH_SHOWN = 8  # digits of a split's hash
ROWS_KEPT_FREE = 8  # of the terminal, for what was printed before and the table's own frame


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
            f"sampler {search.sampler}, early stopping from epoch {search.grace_period}",
            f"  seed {search.seed}, split seed {search.split_seed}, "
            f"{search.cpus_per_trial} CPUs and {search.gpus_per_trial:g} GPUs a trial",
        ]
    )


class Progress:
    """Follows a campaign: a live table on a terminal, a line a finished trial elsewhere.

    Give it every event as it happens.
    """

    def __init__(self, campaign: Campaign, slots: int, console: Console) -> None:
        self.campaign = campaign
        self.slots = slots
        self.console = console
        self._started = time.monotonic()
        self._epochs_done = 0  # in this launch

    def shown(self) -> AbstractContextManager[object]:
        """Show it for the length of a block."""
        if not self.console.is_terminal:
            return nullcontext()
        return Live(get_renderable=self.render, console=self.console, refresh_per_second=2, transient=True)

    def __call__(self, *events: Event) -> None:
        """Take events."""
        for event in events:
            self._epochs_done += isinstance(event, EpochReported)
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
        with self.campaign.lock:
            studies = list(self.campaign.studies.values())
            table = Table(title=self._title(), title_justify="left", caption=self._caption(), caption_justify="left")
            table.add_column("study")
            table.add_column("trials", justify="right")
            for state in STATES:
                table.add_column(state, justify="right")
            table.add_column("best validation RMSE", justify="right")
            table.add_column(f"running, at epoch of {self.campaign.plan.epochs}")
            if len(studies) > self._room:
                studies.sort(key=self._prominence)
            for study in studies[: self._room]:
                table.add_row(*self._row(study))
            return table

    @property
    def _room(self) -> int:
        """Studies that fit on the screen."""
        return max(self.console.height - ROWS_KEPT_FREE, 1)

    def _prominence(self, study: Study) -> tuple[bool, bool]:
        """Running studies first, finished ones last."""
        return (not self.campaign.running_epochs(study.name), study.to_start <= 0)

    def _row(self, study: Study) -> tuple[str | Text, ...]:
        ended = [study.count(state) for state in STATES]
        budget = study.budget + min(ended[2], study.replacements)
        done = study.to_start <= 0 and not study.running
        failed = Text(str(ended[2]), style="red" if ended[2] else "")
        best = "" if study.best is None else f"{study.best.value:.4f}"
        running = " ".join(map(str, self.campaign.running_epochs(study.name)))
        name = Text(study.name, style="green" if done else "")
        return name, f"{sum(ended)}/{budget}", str(ended[0]), str(ended[1]), failed, best, "done" if done else running

    def _title(self) -> str:
        studies = self.campaign.studies.values()
        ended = sum(study.ended for study in studies)
        total = ended + self._left()
        return f"{self.campaign.plan.name}: {ended} of {total} trials, {self.campaign.live} of {self.slots} slots busy"

    def _caption(self) -> str:
        elapsed = time.monotonic() - self._started
        waiting = max(len(self.campaign.studies) - self._room, 0)
        more = f"; {waiting} more studies" if waiting else ""
        return f"{_duration(elapsed)} elapsed, {self._estimate(elapsed)} left{more}"

    def _left(self) -> int:
        return sum(max(study.to_start, 0) + len(study.running) for study in self.campaign.studies.values())

    def _estimate(self, elapsed: float) -> str:
        """By the pace of this launch and the mean length of the trials that ended; early stopping included."""
        trials = [trial for study in self.campaign.studies.values() for trial in study.trials]
        ended = [trial.epoch for trial in trials if trial.state != "running"]
        if not ended or not self._epochs_done:
            return "?"
        under_way = sum(trial.epoch for trial in trials if trial.state == "running")
        epochs_left = max(self._left() * sum(ended) / len(ended) - under_way, 0)
        return "about " + _duration(elapsed * epochs_left / self._epochs_done)

    def _line(self, event: TrialEnded) -> str:
        study = self.campaign.studies[event.study]
        value = "" if event.value is None else f", validation RMSE {event.value:.4f}"
        place = f"{study.ended}/{study.budget + min(study.count('failed'), study.replacements)}"
        return f"{event.study} {place}: trial {event.number} {event.state} ({event.reason}){value}"


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
    easy = {(row.data_hash, row.method): row.test_rmse for row in standings if row.split == "random"}
    lines = []
    for row in standings:
        base = easy.get((row.data_hash, row.method))
        if row.split == "scaffold" and base and row.test_rmse is not None:
            finding = compare_splits(base, row.test_rmse)
            lines += [f"{row.study}: {finding.message}"] if finding is not None else []
    return lines


def _rmse(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
