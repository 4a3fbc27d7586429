"""Which trial wins a study, and what is to be trained again before it is decided.

The lowest of many noisy values is low by luck in part. With `finalists`, the best few trials of the search are trained
again on fresh seeds, and the trial with the lowest mean over these seeds wins. With `final = "refit"`, the winner's
configuration is then trained on several validation folds and seeds, and these models together are the study's result.
"""

import math
from dataclasses import dataclass
from statistics import fmean

from search.campaign.study import Study, Trial
from search.plan.purpose import Purpose
from search.plan.settings import SearchSettings

__all__ = ["Repeat", "kept", "members", "repeats_to_start", "score", "winner"]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A trial of the search that is to be trained again."""

    trial: Trial
    purpose: Purpose


def repeats_to_start(study: Study, settings: SearchSettings) -> list[Repeat]:
    """The trials that are to be trained again, by what is known now; empty while the search goes on."""
    if study.to_start > 0 or any(trial.purpose == "search" for trial in study.running.values()):
        return []
    missing = [
        Repeat(trial, "rescore")
        for trial in _finalists(study, settings)
        for _ in range(settings.finalist_seeds - len(_repeated(study, trial, "rescore")))
    ]
    if missing or study.running or settings.final != "refit":
        return missing
    best = winner(study, settings)
    if best is None:
        return []
    return [Repeat(best, "refit")] * (settings.refit_seeds - len(_repeated(study, best, "refit")))


def winner(study: Study, settings: SearchSettings) -> Trial | None:
    """The trial that wins by what is known now; None while no trial is complete."""
    finalists = _finalists(study, settings)
    if all(len(_ended(study, trial)) == settings.finalist_seeds for trial in finalists):
        return min(finalists, key=lambda trial: score(study, trial), default=study.best)
    return study.best


def score(study: Study, trial: Trial) -> float:
    """The validation RMSE that a trial is ranked by: its mean over fresh seeds if there are any.

    Infinite if a trial failed.
    """
    fresh = [math.inf if again.value is None else again.value for again in _ended(study, trial)]
    if fresh:
        return fmean(fresh)
    return math.inf if trial.value is None else trial.value


def members(study: Study, best: Trial, settings: SearchSettings) -> list[Trial]:
    """The trials whose models are the study's result: the complete trials of the refit, or the winner itself."""
    refits = [trial for trial in _repeated(study, best, "refit") if trial.state == "complete"]
    return refits if settings.final == "refit" and refits else [best]


def kept(study: Study, settings: SearchSettings) -> set[int]:
    """Numbers of the ended trials whose checkpoints may still be needed."""
    best = winner(study, settings)
    models = [] if best is None else members(study, best, settings)
    return {trial.number for trial in [*study.ranking[: max(1, settings.finalists)], *models]}


def _finalists(study: Study, settings: SearchSettings) -> list[Trial]:
    """The trials that are trained again on fresh seeds, at least two: a single one would win anyway."""
    return study.ranking[: settings.finalists] if settings.finalists > 1 and len(study.ranking) > 1 else []


def _repeated(study: Study, trial: Trial, purpose: Purpose) -> list[Trial]:
    return [again for again in study.repeats.get(trial.number, ()) if again.purpose == purpose]


def _ended(study: Study, trial: Trial) -> list[Trial]:
    """The trials on fresh seeds that have ended."""
    return [again for again in _repeated(study, trial, "rescore") if again.state != "running"]
