"""A pruner of your own: stops a trial that is far behind the best one.

In the folder of this file:

    gear-search run --pruner my_pruner:far_behind
    gear-search simulate --pruner halving my_pruner:far_behind
"""

from search.campaign.pruning import TrialProgress

FEWEST = 3  # other trials that came this far
MARGIN = 1.2


def far_behind(trial: TrialProgress) -> str:
    """Why the trial is to be stopped, or an empty text: it goes on."""
    if len(trial.rung) < FEWEST or trial.value <= MARGIN * trial.rung[0]:
        return ""
    return f"{trial.value / trial.rung[0] - 1:.0%} worse than the best trial at epoch {trial.epoch}"
