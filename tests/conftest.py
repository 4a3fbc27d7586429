"""Small synthetic pairs: real molecules, labels that their structure decides."""

import numpy as np
import pytest

from gear.config import TrainingConfig, TrialConfig
from gear.data import featurize
from gear.data.pairs import PairData, Part, TaskData

TAILS = ["C", "O", "N", "Cl", "C=O", "C#N", "c1ccccc1", "C(=O)O", "SC", "F"]
HEADS = ["C", "CC", "CCC", "CCCC", "CC(C)C", "CCOC", "C1CCCC1", "CC=C", "COC", "CCCCC", "CCN(C)C", "CCCCCC"]


def molecules():
    """120 different molecules."""
    return [f"C({tail})C{head}" for tail in TAILS for head in HEADS]


def synthetic_pair(n_target=100, n_source=100, seed=0):
    """A pair whose target is linear in the composition and whose source is correlated with it."""
    smiles = np.array(molecules(), dtype=object)
    graphs = featurize(list(smiles))
    size = np.array([sum(c.isalpha() for c in s) for s in smiles], float)
    hetero = np.array([sum(c in "ONFS" for c in s) for s in smiles], float)
    value = {"target": 20 + 4 * size + 9 * hetero, "source": 300 + 15 * size - 20 * hetero}
    order = np.random.default_rng(seed).permutation(len(smiles))

    def part(task, rows):
        return Part(smiles[rows], value[task][rows], rows.astype(np.int64))

    def task(name, train, validation, test):
        parts = (part(name, rows) for rows in (train, validation, test))
        return TaskData(name, f"synthetic {name}", "kJ/mol", False, *parts)

    held, train = order[:20], order[20:]
    target = task("target", train[:n_target], held[:10], held[10:])
    source = task("source", train[-n_source:-10] if n_source > 10 else train[-n_source:], train[-10:], held[:0])
    return PairData("target_from_source", "random", 0, target, source, graphs, "hash", "data")


@pytest.fixture(scope="session")
def pair():
    return synthetic_pair()


@pytest.fixture
def quick_config():
    """A small trial of a method by name."""

    def build(method, **training):
        settings = {"epochs": 3, "batch_size": 20} | training
        return TrialConfig(method=method, training=TrainingConfig(**settings))

    return build
