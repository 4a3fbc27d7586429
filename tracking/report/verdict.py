"""Whether transfer helped and whether a model was needed at all, summed up over the pairs and splits of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gear.evaluation.comparison import BASELINE, Change, champions, reference_verdict, reference_words
from tracking.report.campaigns import StudyRecord
from tracking.report.compare import StudyChange, best_transfer

__all__ = ["Verdict", "verdict", "verdict_words"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the report finds.

    Attributes:
        best: the transfer method chosen on validation against the baseline, for every pair and split that has both.
        incomparable: number of pairs and splits that lack one of them.
        champions: the change of the champion of each pair and split against the strongest reference, with the champion.
    """

    best: tuple[StudyChange, ...]
    incomparable: int
    champions: tuple[tuple[StudyRecord, Change], ...] = ()

    @property
    def helped(self) -> int:
        """Number of comparisons with a lower test error."""
        return sum(change.value < 0 for change in self.best)

    @property
    def surely_helped(self) -> int:
        """Comparisons with a lower test error whose interval excludes zero."""
        return sum(change.change.sure and change.value < 0 for change in self.best)

    @property
    def surely_harmed(self) -> int:
        """Comparisons with a higher test error whose interval excludes zero."""
        return sum(change.change.sure and change.value > 0 for change in self.best)


def verdict(
    studies: Sequence[StudyRecord], found: Sequence[StudyChange], against: Mapping[str, Change] | None = None
) -> Verdict:
    """Sum up the comparisons of studies.

    Args:
        studies: of all campaigns.
        found: their changes against the baseline.
        against: their changes against the strongest reference, by run of the study.
    """
    best = best_transfer(found)
    asked = {(study.campaign, study.pair, study.split) for study in studies}
    names = dict.fromkeys(study.campaign for study in studies)
    chosen = [s for name in names for s in champions(s for s in studies if s.campaign == name).values()]
    compared = [(study, change) for study in chosen if (change := (against or {}).get(study.run_id)) is not None]
    return Verdict(tuple(best), len(asked) - len(best), tuple(compared))


def verdict_words(summed: Verdict) -> list[str]:
    """A few plain sentences; the first is the answer."""
    return [*_transfer_words(summed), *_reference_words(summed)]


def _reference_words(summed: Verdict) -> list[str]:
    """Whether the champions beat the strongest reference, and the one furthest from it."""
    if not summed.champions:
        return []
    count = len(summed.champions)
    better = sum(not reference_verdict(change) for _, change in summed.champions)
    pairs = "pair under a split" if count == 1 else "pairs under a split"
    said = [
        "The model that validation chooses beats an untuned support vector machine (SVR) on "
        f"{better} of {count} {pairs}."
    ]
    worst, change = max(summed.champions, key=lambda found: found[1].value)
    if better < count:
        said.append(f"Weakest against it: {worst.pair} {worst.split}: {reference_words(change, worst.method)}.")
    return said


def _transfer_words(summed: Verdict) -> list[str]:
    """Whether transfer helped."""
    best, n = summed.best, len(summed.best)
    if not best:
        return [
            f"Whether transfer helped is unknown: no pair and split has both {BASELINE} (single-task training) and "
            "a transfer method tested on the same molecules."
        ]
    pairs = "comparison" if n == 1 else "comparisons"
    said = [f"Transfer helped on {summed.helped} of {n} {pairs} of a pair under a split."]
    if any(change.change.interval for change in best):
        said.append(
            f"Beyond chance (95 %) it lowered the test error on {summed.surely_helped} and raised it on "
            f"{summed.surely_harmed}; the other differences may be chance."
        )
    else:
        said.append("Predictions of single molecules were not recorded, so it is unknown which differences are chance.")
    low, high = min(best, key=lambda c: c.value), max(best, key=lambda c: c.value)
    said.append(f"Largest gain: {_named(low)}." if low.value < 0 else f"Least harm: {_named(low)}.")
    if high is not low:
        said.append(f"Largest loss: {_named(high)}." if high.value > 0 else f"Smallest gain: {_named(high)}.")
    if summed.incomparable:
        said.append(
            f"Not compared, since {BASELINE}, a transfer method or a test is missing: {summed.incomparable} more."
        )
    return said


def _named(found: StudyChange) -> str:
    study = found.study
    return f"{study.pair} {study.split}: {found.change.words(study.method)}"
