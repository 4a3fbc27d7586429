"""The models of a study's winner, and what they predict together for the target's held-out molecules."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import pyarrow as pa

from gear.data import load_pair
from gear.evaluation.held_out import HeldOutPredictions, predictions_table
from search.campaign.campaign import Campaign
from search.campaign.selection import members
from search.campaign.study import Study, Trial
from search.storage.campaign_store import CampaignStore

if TYPE_CHECKING:
    from gear.export import Member

__all__ = ["judge", "models", "predict_all"]


@contextlib.contextmanager
def models(campaign: Campaign, store: CampaignStore, study: Study, best: Trial) -> "Iterator[list[Member]]":
    """The trained models of a winner, one or an ensemble, on this machine for the length of a block.

    Raises:
        StorageError: a checkpoint cannot be read.
    """
    from gear.export import Member  # torch, not before it is needed
    from gear.training.folds import fold_checkpoints, single_folds

    found: list[Member] = []
    with contextlib.ExitStack() as stack:
        for trial in members(study, best, campaign.plan.search):
            assert trial.checkpoint is not None
            spec = campaign.spec(study.name, trial.number)
            places = fold_checkpoints(stack.enter_context(store.checkpoint(trial.checkpoint)), spec.folds)
            for single, place in zip(single_folds(spec), places, strict=True):
                found.append(Member(place, single, load_pair(spec.pair, spec.split, spec.split_seed, single.fold)))
        yield found


def predict_all(ensemble: "Sequence[Member]") -> list[HeldOutPredictions]:
    """What each model predicts for the held-out molecules."""
    from gear.evaluation.evaluate import predict_held_out

    return [predict_held_out(member.checkpoint, member.spec, member.pair) for member in ensemble]


def judge(alone: Sequence[HeldOutPredictions]) -> tuple[pa.Table, dict[str, float]]:
    """Predictions of models for the held-out molecules, one row each, and their scores on the test part.

    The scores are those of `gear.evaluation.evaluate.Scores`. For one model they include the same scores on its
    validation part, named `validation_...`; for several models their number, and mean and standard deviation of the
    standardised test RMSE that each has on its own.

    Args:
        alone: what each model predicts.
    """
    from gear.evaluation.evaluate import combined, scores

    together = combined(alone)
    found: dict[str, float] = dataclasses.asdict(scores(together))
    if len(alone) == 1:
        validation = dataclasses.asdict(scores(together, "validation"))
        found |= {f"validation_{name}": value for name, value in validation.items()}
    else:
        errors = [scores(one).rmse for one in alone]
        found |= {"models": len(alone), "rmse_alone": fmean(errors), "rmse_alone_sd": stdev(errors)}
    return predictions_table(together), found
