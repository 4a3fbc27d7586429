"""Which trial wins a study, and what is to be trained again before it is decided.

The lowest of many noisy values is low by luck in part. With `finalists`, the best few trials of the search are trained
again on fresh seeds, and the trial with the lowest mean over these seeds wins. With `final = "refit"`, the winner's
configuration is then trained on several validation folds and seeds, and these models together are the study's result.
With `final = "blend"`, the best few trials of all studies of a pair and split are candidates for one more result, the
mean of some of them (`search.results.blend`). With `final_labels = "all"`, what won is trained once more, on all labels
of the target: these models are exported, and their errors are estimated by the ones that were tested.
"""

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from search.campaign.study import Study, Trial
from search.plan.purpose import Purpose
from search.plan.settings import SearchSettings

__all__ = [
    "Repeat",
    "blend_candidates",
    "delivered",
    "kept",
    "members",
    "repeats_to_start",
    "score",
    "unvalidated",
    "winner",
]


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
    best = winner(study, settings)
    if missing or best is None or _runs(study, "rescore"):
        return missing
    if settings.final == "refit" and (refits := _again(study, best, "refit", settings)):
        return refits
    if settings.final_labels == "train" or _runs(study, "refit"):
        return []
    blended = study.blended if settings.final == "blend" else ()
    chosen = sorted({best.number, *blended})
    return [again for number in chosen for again in _again(study, study.trials[number], "all-labels", settings)]


def winner(study: Study, settings: SearchSettings) -> Trial | None:
    """The trial that wins by what is known now; None while no trial is complete whose models can be had."""
    finalists, whole = _finalists(study, settings), _whole(study.ranking)
    first = whole[0] if whole else None
    if all(len(_ended(study, trial)) == settings.finalist_seeds for trial in finalists):
        return min(_whole(finalists), key=lambda trial: score(study, trial), default=first)
    return first


def score(study: Study, trial: Trial) -> float:
    """The validation RMSE that a trial is ranked by: its mean over fresh seeds if there are any.

    Infinite if a trial on a fresh seed failed, whatever it reached before.
    """
    fresh = [_final_value(again) for again in _ended(study, trial)]
    if fresh:
        return fmean(fresh)
    return math.inf if trial.value is None else trial.value


def members(study: Study, best: Trial, settings: SearchSettings) -> list[Trial]:
    """The trials whose models are the study's result: the complete trials of the refit, or the winner itself."""
    refits = _complete(study, best, "refit")
    return refits if settings.final == "refit" and refits else [best]


def delivered(study: Study, trial: Trial, settings: SearchSettings) -> list[Trial]:
    """The trials whose models are exported in place of a winner or a member of a blend.

    They are those on all labels, where these were asked for and any is complete, or the ones that were tested.
    """
    whole = _complete(study, trial, "all-labels")
    if settings.final_labels == "all" and whole:
        return whole
    return members(study, trial, settings)


def unvalidated(study: Study, trial: Trial) -> dict[str, Any]:
    """Settings of the training of a trial's configuration where no molecule is left to validate on.

    It ends after as many epochs as were best before, in the mean of all trials with that configuration, and its last
    weights are kept.
    """
    before = [again for again in study.repeats.get(trial.number, ()) if again.purpose in ("rescore", "refit")]
    epochs = [one.best_epoch for one in (trial, *before) if one.state == "complete" and one.best_epoch]
    return {"epochs": max(1, round(fmean(epochs))) if epochs else trial.epoch, "patience": 0, "keep": "last"}


def blend_candidates(study: Study, settings: SearchSettings) -> list[Trial]:
    """The trials that a blend may take from a study: the best few and the winner, in the order of their numbers."""
    best = winner(study, settings)
    ranked = _whole(study.ranking)[: settings.blend_candidates]
    found = {trial.number: trial for trial in [*ranked, *([best] if best else [])]}
    return [found[number] for number in sorted(found)]


def kept(study: Study, settings: SearchSettings) -> set[int]:
    """Numbers of the ended trials whose checkpoints may still be needed.

    What was trained again of a trial is kept with it: it is not trained a second time where the trial wins once more,
    after others led in between.
    """
    best = winner(study, settings)
    found = [*_whole(study.ranking)[: max(1, settings.finalists)], *([best] if best else [])]
    if settings.final == "blend":
        found += [*blend_candidates(study, settings), *(study.trials[number] for number in study.blended)]
    purposes: tuple[Purpose, ...] = ("refit", "all-labels")
    again = [one for trial in found for purpose in purposes for one in _complete(study, trial, purpose)]
    return {trial.number for trial in [*found, *again]}


def _whole(trials: list[Trial]) -> list[Trial]:
    """Those whose models can be had, by what is recorded."""
    return [trial for trial in trials if not trial.lost]


def _finalists(study: Study, settings: SearchSettings) -> list[Trial]:
    """The trials that are trained again on fresh seeds, at least two: a single one would win anyway."""
    return study.ranking[: settings.finalists] if settings.finalists > 1 and len(study.ranking) > 1 else []


def _repeated(study: Study, trial: Trial, purpose: Purpose) -> list[Trial]:
    return [again for again in study.repeats.get(trial.number, ()) if again.purpose == purpose]


def _complete(study: Study, trial: Trial, purpose: Purpose) -> list[Trial]:
    return [again for again in _whole(_repeated(study, trial, purpose)) if again.state == "complete"]


def _again(study: Study, trial: Trial, purpose: Purpose, settings: SearchSettings) -> list[Repeat]:
    """What is missing of a trial's repetitions, one for each seed."""
    return [Repeat(trial, purpose)] * (settings.refit_seeds - len(_repeated(study, trial, purpose)))


def _final_value(trial: Trial) -> float:
    """What an ended trial reached; that of one that failed late is not its result."""
    return trial.value if trial.state == "complete" and trial.value is not None else math.inf


def _runs(study: Study, purpose: Purpose) -> bool:
    return any(trial.purpose == purpose for trial in study.running.values())


def _ended(study: Study, trial: Trial) -> list[Trial]:
    """The trials on fresh seeds that have ended."""
    return [again for again in _repeated(study, trial, "rescore") if again.state != "running"]
