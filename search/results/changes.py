"""How the test error of a winner or blend compares with others' on the same molecules, and what must be told of it."""

from collections.abc import Iterable, Sequence

from gear.evaluation.comparison import Change, Judged, baseline_of, compare, reference_verdict
from gear.evaluation.diagnostics import Finding
from search.campaign.leaderboard import Standing
from search.results.references import tested_predictions
from search.storage.base import StoragePath

__all__ = ["change_between", "change_of", "warnings_of"]


def change_of(row: Standing, rows: Sequence[Standing], folder: StoragePath) -> Change | None:
    """The change of a study's test RMSE against single-task learning; None where there is nothing to compare with.

    Campaigns of versions that kept no predictions have the change without its interval.

    Raises:
        StorageError: predictions cannot be read.
    """
    baseline = baseline_of(row, rows)
    return None if baseline is None else change_between(row, baseline, folder)


def change_between(row: Standing, other: Standing, folder: StoragePath, resamples: int = 2000) -> Change:
    """The change of the test RMSE against another that was tested on the same molecules; `resamples`: see `compare`.

    Raises:
        StorageError: predictions cannot be read.
    """
    return compare(_judged(row, folder), _judged(other, folder), resamples)


def warnings_of(findings: Iterable[Finding], method: str, against: Change | None) -> list[str]:
    """What whoever gets a winner or a blend must be told of it, a sentence each.

    Args:
        findings: what looks wrong with its trials.
        method: of its study, or `blend`.
        against: its change against the strongest reference, if there is one.
    """
    verdict = "" if against is None else reference_verdict(against)
    said = [f"{method} {verdict}"] if verdict else []
    return [*said, *(f"in training, {finding.message}" for finding in findings)]


def _judged(row: Standing, folder: StoragePath) -> Judged:
    assert row.test_rmse is not None
    return Judged(row.test_rmse, tested_predictions(folder, row.study))
