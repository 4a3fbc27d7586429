"""Which trials have a checkpoint that can be read, and who wins a study where that of its winner cannot."""

from collections.abc import Callable

from gear.errors import CheckpointError
from search.campaign.campaign import Campaign
from search.campaign.selection import members, winner
from search.campaign.study import Study, Trial
from search.storage.campaign_store import CampaignStore
from search.storage.layout import trial_folder

__all__ = ["damage", "is_tested", "readable_winner"]


def damage(campaign: Campaign, store: CampaignStore, trial: Trial) -> str:
    """What is wrong with the checkpoint of a trial; empty if it is whole.

    Raises:
        StorageError: the storage cannot be read now.
    """
    from gear.training.checkpoint import read_state  # torch, not before it is needed
    from gear.training.folds import fold_checkpoints

    if trial.checkpoint is None:
        return "it wrote no checkpoint"
    try:
        with store.checkpoint(trial.checkpoint) as place:
            for fold in fold_checkpoints(place, campaign.spec(trial.study, trial.number).folds):
                read_state(fold)
    except CheckpointError as error:
        return f"{trial.checkpoint} cannot be used: {error}"
    return ""


def readable_winner(campaign: Campaign, store: CampaignStore, study: Study, say: Callable[[str], None]) -> Trial | None:
    """The winner of a study, or the next best trial where its checkpoint or that of its refits is damaged.

    The damage is recorded, so that the trial wins nowhere. Of a winner that was tested already the checkpoint is not
    read.

    Args:
        campaign: whose trials are over.
        store: its folder.
        study: with a winner.
        say: takes a line for each damaged checkpoint.

    Returns:
        None where no other trial of the study has a checkpoint that is whole; nothing is recorded then.

    Raises:
        StorageError: the storage cannot be read or written.
    """
    settings = campaign.plan.search
    while (best := winner(study, settings)) is not None:
        ensemble = members(study, best, settings)
        if is_tested(study, best, ensemble):
            return best
        damaged = {trial.number: why for trial in ensemble if (why := damage(campaign, store, trial))}
        if not damaged:
            return best
        if not any(_may_stand_in(campaign, store, trial, best, damaged) for trial in study.trials):
            say(_no_other(store, study, next(iter(damaged)), next(iter(damaged.values()))))
            return None
        for number, why in damaged.items():
            campaign.lose_checkpoint(study.name, number, why)
            say(f"{study.name}: the study does without trial {number}, since {why}")
    return None


def is_tested(study: Study, best: Trial, ensemble: list[Trial]) -> bool:
    """Whether the newest test of a study was that of this winner, with the models of these trials."""
    trials = [trial.number for trial in ensemble if trial is not best]
    return any((last.winner, last.trials) == (best.number, trials) for last in study.finished[-1:])


def _may_stand_in(campaign: Campaign, store: CampaignStore, trial: Trial, best: Trial, damaged: dict[int, str]) -> bool:
    """Whether the models of a trial can be tested in place of damaged ones."""
    of_use = trial.purpose == "search" or (trial.purpose == "refit" and trial.of == best.number)
    unknown = trial.state == "complete" and not trial.lost and trial.number not in damaged
    return of_use and unknown and not damage(campaign, store, trial)


def _no_other(store: CampaignStore, study: Study, number: int, why: str) -> str:
    place = store.folder / trial_folder(study.name, number)
    return (
        f"{study.name}: not tested, since {why}, and no other trial has one; restore it from a copy, or remove it and "
        f"train it again by: gear-search train {place / 'trial.json'} --checkpoint "
        f"{store.folder / (study.trials[number].checkpoint or '')}; then resume"
    )
