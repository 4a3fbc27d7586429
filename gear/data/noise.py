"""Corrupted training labels, to see what a method does with them. Validation and test parts stay clean.

Deviations are in units of the standard deviation of the training labels, in the space that models see (logarithm, where
the task has one):

    gaussian    a normal deviation of one standard deviation
    outliers    off by `OUTLIER` standard deviations, up or down: a typing error, a wrong unit
    shuffled    the chosen labels are dealt out again among their molecules, none of which keeps its own
"""

import hashlib

import numpy as np

__all__ = ["corrupt"]

GAUSSIAN = 1.0
OUTLIER = 5.0


def corrupt(values: np.ndarray, *, log10: bool, kind: str, percent: int, seed: int) -> np.ndarray:
    """Values (N,) in units with a share of them corrupted; which ones and how depend on seed, kind and N alone.

    Args:
        values: of the training part, molecules sorted.
        log10: models see the logarithm.
        kind: `gaussian`, `outliers` or `shuffled`.
        percent: of the values to corrupt.
        seed: of the split.
    """
    digest = hashlib.sha256(f"{kind}:{percent}:{seed}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    seen = np.log10(values) if log10 else values.astype(np.float64, copy=True)
    chosen = generator.permutation(len(seen))[: round(len(seen) * percent / 100)]
    sd = seen.std()
    if kind == "gaussian":
        seen[chosen] += GAUSSIAN * sd * generator.standard_normal(len(chosen))
    elif kind == "outliers":
        seen[chosen] += OUTLIER * sd * generator.choice([-1.0, 1.0], len(chosen))
    else:
        seen[chosen] = seen[np.roll(chosen, 1)]  # chosen is in random order
    spoiled = values.astype(np.float64, copy=True)  # others keep their last digit, which a logarithm and back may not
    spoiled[chosen] = 10.0 ** seen[chosen] if log10 else seen[chosen]
    return spoiled
