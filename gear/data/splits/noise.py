"""Corrupted training labels, to see what a method does with them. Labels that it is judged on stay clean.

Deviations are in units of the standard deviation of the training labels, in the space that models see (logarithm, where
the task has one):

    gaussian    a normal deviation of one standard deviation
    outliers    off by `OUTLIER` standard deviations, up or down: a typing error, a wrong unit
    shuffled    the chosen labels are dealt out again among their molecules, none of which keeps its own
    published   as far as the experiment of the method's paper (arXiv 2506.13015, section 5.2) is known from its
                reviews: part of the test molecules join the training part with corrupted labels, and they alone are
                the test part. It asks whether training believes what it is told of a molecule, not how a model of
                spoiled data does on others. The paper's amount of noise is not known: here it is `gaussian`. Nor is
                which label is right: here the clean one, since otherwise the model that learns the noise would win
"""

import hashlib

import numpy as np

__all__ = ["corrupt", "planted"]

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
    generator = _generator(kind, percent, seed)
    seen = _seen(values, log10=log10)
    chosen = generator.permutation(len(seen))[: round(len(seen) * percent / 100)]
    sd = seen.std()
    if kind == "gaussian":
        seen[chosen] += GAUSSIAN * sd * generator.standard_normal(len(chosen))
    elif kind == "outliers":
        seen[chosen] += OUTLIER * sd * generator.choice([-1.0, 1.0], len(chosen))
    else:
        seen[chosen] = seen[np.roll(chosen, 1)]  # chosen is in random order
    spoiled = values.astype(np.float64, copy=True)  # others keep their last digit, which a logarithm and back may not
    spoiled[chosen] = _in_units(seen[chosen], log10=log10)
    return spoiled


def planted(
    train: np.ndarray, test: np.ndarray, *, log10: bool, percent: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `published` protocol: rows (K,) of the test part that training is to see, and the labels (K,) it is told.

    Args:
        train: values (N,) of the training part, in units.
        test: values (M,) of the test part, molecules sorted.
        log10: models see the logarithm.
        percent: of the test part, at least one molecule.
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
