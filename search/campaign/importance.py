"""Which dimensions of a search space mattered: how far the good trials' values differ from what was tried at all."""

import warnings
from collections.abc import Sequence

from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from search.campaign.optuna_mirror import OptunaMirror
from search.campaign.study import Trial

__all__ = ["importances"]

FEWEST = 10  # complete trials that say anything


def importances(trials: Sequence[Trial]) -> dict[str, float]:
    """Importance of every dimension by PED-ANOVA, shares of one, largest first; nothing of fewer than ten trials.

    Only complete trials count: the value of a pruned one is that of another number of epochs.

    Args:
        trials: of a study, in the order of their numbers.
    """
    if sum(trial.state == "complete" for trial in trials) < FEWEST:
        return {}
    mirror = OptunaMirror()
    mirror.follow(trials)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values that are all equal: so are the importances
        return get_param_importances(mirror.study, evaluator=PedAnovaImportanceEvaluator())
