"""Corrupted training labels, to measure how robust a method is. Validation and test labels stay clean.

Deviations are in units of the standard deviation of the training labels, in the space that models see (logarithm, where
the task has one):

    gaussian    a normal deviation of one standard deviation
    outliers    off by `OUTLIER` standard deviations, up or down, as after a typing error or in a wrong unit
    shuffled    the chosen labels are permuted among their molecules; no molecule keeps its own
    published   the experiment of the method's paper (arXiv 2506.13015, section 5.2), as far as its reviews describe it:
                some test molecules join the training part with corrupted labels, and only they are tested. It measures
                whether a model reproduces a wrong label that it was trained on, not how it predicts other molecules.
                The reviews do not state the amount of noise, which is `gaussian` here, nor which label is the true one,
                which is the clean one here, since otherwise the model that learns the noise would win
"""

import hashlib

import numpy as np

__all__ = ["corrupt", "planted"]

GAUSSIAN = 1.0
OUTLIER = 5.0


def corrupt(values: np.ndarray, *, log10: bool, kind: str, percent: int, seed: int) -> np.ndarray:
    """Values (N,) in units, a share of them corrupted. Which ones and how depends only on seed, kind, percent and N.

    Args:
        values: of the training part, molecules sorted.
        log10: whether models learn the logarithm.
        kind: `gaussian`, `outliers` or `shuffled`.
        percent: of the values to corrupt, at least one and of `shuffled` two.
        seed: of the split.
    """
    generator = _generator(kind, percent, seed)
    seen = _seen(values, log10=log10)
    least = 2 if kind == "shuffled" else 1
    chosen = generator.permutation(len(seen))[: max(least, round(len(seen) * percent / 100))]
    sd = seen.std()
    if kind == "gaussian":
        seen[chosen] += GAUSSIAN * sd * generator.standard_normal(len(chosen))
    elif kind == "outliers":
        seen[chosen] += OUTLIER * sd * generator.choice([-1.0, 1.0], len(chosen))
    else:
        seen[chosen] = seen[np.roll(chosen, 1)]  # chosen is in random order
    corrupted = values.astype(np.float64, copy=True)  # the others keep every digit; a logarithm and back might not
    corrupted[chosen] = _in_units(seen[chosen], log10=log10)
    return corrupted


def planted(
    train: np.ndarray, test: np.ndarray, *, log10: bool, percent: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `published` noise: rows (K,) of the test part that join the training part, and their wrong labels (K,).

    Args:
        train: values (N,) of the training part, in units.
        test: values (M,) of the test part, molecules sorted.
        log10: whether models learn the logarithm.
        percent: share of the test part that is chosen, at least one molecule.
        seed: of the split.
    """
    generator = _generator("published", percent, seed)
    chosen = np.sort(generator.permutation(len(test))[: max(1, round(len(test) * percent / 100))])
    deviations = GAUSSIAN * _seen(train, log10=log10).std() * generator.standard_normal(len(chosen))
    return chosen, _in_units(_seen(test[chosen], log10=log10) + deviations, log10=log10)


def _generator(kind: str, percent: int, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{kind}:{percent}:{seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _seen(values: np.ndarray, *, log10: bool) -> np.ndarray:
    return np.log10(values) if log10 else values.astype(np.float64, copy=True)


def _in_units(seen: np.ndarray, *, log10: bool) -> np.ndarray:
    return np.asarray(10.0**seen) if log10 else seen
