"""Names the method's known ways to fail, from the epochs of a trial. Pure; nothing here runs in the training loop.

The effective number of latent dimensions (`participation_ratio`) is recorded and not judged. One property needs one
main direction: the best models of the built-in pairs have 1.0 to 1.5 dimensions on few and on many molecules alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gear.config import TrialConfig
from gear.methods import find_method
from gear.results import EpochResult

__all__ = ["Finding", "compare_splits", "diagnose", "expected_memory_mb", "gathered"]

FAILED_SHARE = 0.03  # of molecules with a near singular metric; above it the term is trained on a selection
STATIONARY_METRIC = 1.5  # two maps that ignore their input have loss 2, a stationary point of the round trip
OVERFITTED = 3.0  # validation error over training error, both summed over the tasks
SPREAD_LEFT = 0.1  # of the first epoch's spread of the curvature over molecules; mse matching alone takes it to 0.04
SCAFFOLD_RATIO = 1.5  # scaffold over random error; a harder split costs less than that on the built-in pairs
MEMORY_RATIO = 3.0  # over the estimate; curvature by nested differentiation takes tens of times more
FITTED_MB, FITTED_FOLD_MB = 1000, 150  # matrices while a model is fitted; inputs and models of each fold
SETTLED = 3  # epochs before a trial can be judged


@dataclass(frozen=True, slots=True)
class Finding:
    """One way to fail, in one line. `name` is the same in every trial, so that findings can be grouped."""

    name: str
    message: str


def diagnose(history: Sequence[EpochResult], config: TrialConfig | None = None) -> list[Finding]:
    """What is wrong with a trial, each thing once; nothing if it has too few epochs to tell.

    Args:
        history: its epochs, in order.
        config: of the trial; without it memory is not judged.
    """
    if not history:
        return []
    checks: list[Callable[[Sequence[EpochResult]], Finding | None]] = [_identically_flat, _near_singular]
    if len(history) >= SETTLED:
        checks += [_metric_stuck, _overfitted, _spread_collapsed]
    found = [check(history) for check in checks]
    if config is not None:
        found.append(_memory(history, expected_memory_mb(config)))
    return [finding for finding in found if finding is not None]


def gathered(of_trials: Sequence[Sequence[Finding]]) -> list[Finding]:
    """The findings of trials whose models are averaged, each kind once; of several trials it is told in how many."""
    found: dict[str, list[Finding]] = {}
    for findings in of_trials:
        for finding in findings:
            found.setdefault(finding.name, []).append(finding)
    if len(of_trials) == 1:
        return [finding for same in found.values() for finding in same]
    count = len(of_trials)
    return [Finding(name, f"{same[0].message} ({len(same)} of {count} members)") for name, same in found.items()]


def compare_splits(random_rmse: float, scaffold_rmse: float) -> Finding | None:
    """Whether a method's error on new scaffolds is far above that on a random split of the same pair."""
    ratio = scaffold_rmse / random_rmse
    if ratio < SCAFFOLD_RATIO:
        return None
    message = f"error on new scaffolds is {ratio:.1f} times that of the random split: the model depends on scaffolds"
    return Finding("scaffold_gap", message)


def expected_memory_mb(config: TrialConfig, folds: int = 1) -> float:
    """Generous estimate of a trial's peak memory, MB: libraries, data, five copies of the weights, curvature terms.

    For each molecule of the curvature term the closed form needs a few K x n and K x m matrices, and K x K in chunks.
    What is fitted at once needs a few N x N matrices for the most labels that it learns from, fold after fold.
    """
    if find_method(config.method).fits_at_once:
        return 1500 + FITTED_MB + folds * FITTED_FOLD_MB
    units = config.transfer.width * config.transfer.depth
    n, m = config.encoder.latent, config.transfer.frame
    width = config.embedding.width
    weights = 2 * (width * (200 + 3 * width) + 4 * units * (n + m + units))
    curvature = 64 * units * (n + m) * 8 + 4 * 2**20
    activations = 4 * config.training.batch_size * 40 * width * (config.embedding.depth + 2) * 4
    return 1500 + folds * 4 * (5 * weights + curvature + activations) / 2**20


def _identically_flat(history: Sequence[EpochResult]) -> Finding | None:
    values = [row.train_loss["curv"] for row in history if "curv" in row.train_loss]
    if not values or any(values):
        return None
    return Finding(
        "flat_curvature",
        "the curvature term is identically zero: use curvature.immersion slice or a wider transfer.frame",
    )


def _near_singular(history: Sequence[EpochResult]) -> Finding | None:
    share = max(row.failed_metric_share for row in history)
    if share <= FAILED_SHARE:
        return None
    message = f"up to {share:.0%} of the metrics were near singular and left out: raise weights.metric"
    return Finding("near_singular_metric", message)


def _metric_stuck(history: Sequence[EpochResult]) -> Finding | None:
    last = history[-1].train_loss.get("metric")
    if last is None or last < STATIONARY_METRIC:
        return None
    return Finding("metric_stuck", f"the metric loss is still {last:.2g}: the frames are far from flat")


def _overfitted(history: Sequence[EpochResult]) -> Finding | None:
    """Only of branches that meet in a frame: with few labels every method has a far lower error on those it learns."""
    row = history[-1]
    if row.train_loss.keys().isdisjoint(("auto", "cons")) or row.train_loss.get("map", 0.0) > 0:
        return None
    validation, training = sum(row.validation_loss.values()), row.train_loss.get("reg", 0.0)
    if validation < OVERFITTED * training:
        return None
    message = f"validation error is {validation / training:.1f} times the training error: set weights.map above 0"
    return Finding("overfitted", message)


def _spread_collapsed(history: Sequence[EpochResult]) -> Finding | None:
    first, last = (row.geometry.get("rho_spread", 0.0) for row in (history[0], history[-1]))
    if not history[-1].train_loss.get("curv") or not first or last > SPREAD_LEFT * first:
        return None
    message = f"the curvature's spread over molecules fell to {last / first:.0%}: try curvature.discrepancy concordance"
    return Finding("curvature_spread_collapsed", message)


def _memory(history: Sequence[EpochResult], expected: float) -> Finding | None:
    peak = max(row.peak_memory_mb for row in history)
    if peak <= MEMORY_RATIO * expected:
        return None
    message = f"peak memory {peak:.0f} MB, {expected:.0f} expected: is a derivative taken automatically?"
    return Finding("memory", message)
