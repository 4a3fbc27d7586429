"""What to do otherwise with the molecules that a pair and split has: told before a search."""

from typing import TYPE_CHECKING

from gear.data.splits.split_name import FOLDED, TEST_FOLDS, parse_split
from search.plan.campaign_plan import FEW_LABELS, CampaignPlan

if TYPE_CHECKING:
    from gear.data import PairData

__all__ = ["advice"]

FEW_TESTED = 20  # molecules below which a test error says little


def advice(plan: CampaignPlan, split: str, data: "PairData") -> list[str]:
    """What to do otherwise on a split of a pair, in lines; `data` are those of its first fold."""
    return [line for line in (_on_folds(plan, split, data), _on_test(split, data)) if line]


def _on_folds(plan: CampaignPlan, split: str, data: "PairData") -> str:
    """What to do where few labels are judged by one fold because the split's name does not say how few they are."""
    train, validation, _ = data.target.parts()
    labels, foldable = len(train.rows) + len(validation.rows), not parse_split(split).fixes_validation
    if plan.search.validation_folds or plan.folds(split, "search") > 1 or not foldable or labels > FEW_LABELS:
        return ""
    return f"{len(validation.rows)} of {labels} labels judge a trial: --validation-folds 5 judges it by more of them"


def _on_test(split: str, data: "PairData") -> str:
    """What to do where so few molecules are tested that the errors say little."""
    parsed, tested = parse_split(split), len(data.target.parts()[2].rows)
    if tested >= FEW_TESTED or parsed.base not in FOLDED or parsed.test_fold is not None:
        return ""
    return (
        f"only {tested} molecules test the winners: --splits {parsed.base}-cv tests every molecule once, by "
        f"{TEST_FOLDS} searches"
    )
