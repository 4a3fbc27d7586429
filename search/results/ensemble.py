"""The trained models of trials, and how good they are together on the target's test part."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np

from gear.data import PairData, load_pair
from gear.evaluation.held_out import HeldOutPredictions
from search.campaign.campaign import Campaign
from search.campaign.study import Trial
from search.storage.campaign_store import CampaignStore

if TYPE_CHECKING:
    from gear.export import Member

__all__ = ["judge", "models", "tested_on", "trained", "weights_of"]

_pair = functools.lru_cache(maxsize=12)(load_pair)  # its arrays are memory-mapped for the most part


@contextlib.contextmanager
def models(campaign: Campaign, store: CampaignStore, shares: Sequence[tuple[Trial, float]]) -> "Iterator[list[Member]]":
    """The models of trials, one or several of each, on this machine for the length of a block.

    Args:
        campaign: of the trials.
        store: that holds their checkpoints.
        shares: of each trial in the mean, relative to those of the others; its models share it evenly.

    Raises:
        StorageError: a checkpoint cannot be read.
    """
    with contextlib.ExitStack() as stack:
        found = [(trained(campaign, store, trial, stack), share) for trial, share in shares]
        yield [dataclasses.replace(one, weight=share / len(of)) for of, share in found for one in of]


def trained(campaign: Campaign, store: CampaignStore, trial: Trial, stack: contextlib.ExitStack) -> "list[Member]":
    """The models of a trial, one for each validation fold, on this machine until the stack is closed.

    Raises:
        StorageError: its checkpoint cannot be read.
    """
    from gear.export import Member  # torch, not before it is needed
    from gear.training.folds import fold_checkpoints, pair_of, single_folds

    assert trial.checkpoint is not None
    spec = campaign.spec(trial.study, trial.number)
    places = fold_checkpoints(stack.enter_context(store.checkpoint(trial.checkpoint)), spec.folds)
    return [
        Member(place, single, pair_of(single, _pair)) for single, place in zip(single_folds(spec), places, strict=True)
    ]


def tested_on(member: "Member") -> PairData:
    """The data of a model as the split divided them, whatever it was trained on."""
    from gear.training.folds import pair_of

    return pair_of(dataclasses.replace(member.spec, labels="train"), _pair)


def weights_of(ensemble: "Sequence[Member]") -> np.ndarray:
    """The weights of the models in their mean, (K,), which sum to 1."""
    weights = np.array([member.weight for member in ensemble])
    return np.asarray(weights / weights.sum())


def judge(alone: Sequence[HeldOutPredictions], together: HeldOutPredictions) -> dict[str, float]:
    """The scores of models on the test part.

    They are those of `gear.evaluation.evaluate.Scores`. For one model they include the same scores on its
    validation part, named `validation_...`; for several models their number, and mean and standard deviation of the
    standardised test RMSE that each has on its own.

    Args:
        alone: what each of K models predicts.
        together: what they predict together, `gear.evaluation.evaluate.combined`.
    """
    from gear.evaluation.evaluate import scores

    found: dict[str, float] = dataclasses.asdict(scores(together))
    if len(alone) == 1:
        validation = dataclasses.asdict(scores(together, "validation"))
        found |= {f"validation_{name}": value for name, value in validation.items()}
    else:
        errors = [scores(one).rmse for one in alone]
        found |= {"models": len(alone), "rmse_alone": fmean(errors), "rmse_alone_sd": stdev(errors)}
    return found
