"""Which dimensions of a search space mattered: how far values of good trials differ from those of all trials."""

import warnings
from collections.abc import Sequence

from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from search.campaign.optuna_mirror import OptunaMirror
from search.campaign.study import Trial

__all__ = ["importances"]

MIN_COMPLETE = 10  # trials, for a result that means anything


def importances(trials: Sequence[Trial]) -> dict[str, float]:
    """Importance of every dimension by PED-ANOVA, largest first, 1 in total; empty for fewer than ten complete trials.

    Only complete trials count, since the value of a pruned trial belongs to fewer epochs.

    Args:
        trials: of a study, in the order of their numbers.
    """
    if sum(trial.state == "complete" for trial in trials) < MIN_COMPLETE:
        return {}
    mirror = OptunaMirror()
    mirror.follow(trials)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values that are all equal: so are the importances
        return get_param_importances(mirror.study, evaluator=PedAnovaImportanceEvaluator())
