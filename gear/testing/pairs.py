"""Small synthetic pairs: real molecules, labels that their structure decides."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gear.data import canonical_smiles, featurize
from gear.data.pairs import PairData, Part, TaskData
from gear.data.points import PairPoints

__all__ = ["molecules", "synthetic_pair", "with_temperatures"]

TAILS = ["C", "O", "N", "Cl", "C=O", "C#N", "c1ccccc1", "C(=O)O", "SC", "F"]
HEADS = ["C", "CC", "CCC", "CCCC", "CC(C)C", "CCOC", "C1CCCC1", "CC=C", "COC", "CCCCC", "CCN(C)C", "CCCCCC"]


def molecules() -> list[str]:
    """120 different molecules, in canonical SMILES."""
    found = (canonical_smiles(f"C({tail})C{head}") for tail in TAILS for head in HEADS)
    return [smiles for smiles in found if smiles is not None]


def synthetic_pair(n_target: int = 100, n_source: int = 100, seed: int = 0, sources: int = 1) -> PairData:
    """A pair whose target is linear in the composition and whose sources are correlated with it.

    Args:
        n_target: training molecules of the target, at most 100.
        n_source: training molecules of each source, at most 100.
        seed: of the order of the molecules.
        sources: how many, 1 or 2.
    """
    smiles = np.array(molecules(), dtype=object)
    graphs = featurize(list(smiles))
    size = np.array([sum(c.isalpha() for c in s) for s in smiles], float)
    hetero = np.array([sum(c in "ONFS" for c in s) for s in smiles], float)
    values = [20 + 4 * size + 9 * hetero, 300 + 15 * size - 20 * hetero, 5 + 2 * size + 30 * hetero]
    order = np.random.default_rng(seed).permutation(len(smiles))

    def task(index: int, name: str, *parts: np.ndarray) -> TaskData:
        train, validation, test = (Part(smiles[rows], values[index][rows], rows.astype(np.int64)) for rows in parts)
        return TaskData(name, f"synthetic {name}", "kJ/mol", False, train, validation, test)

    held, train = order[:20], order[20:]
    target = task(0, "target", train[:n_target], held[:10], held[10:])
    trained = train[-n_source:-10] if n_source > 10 else train[-n_source:]
    names = ["source", "other"][:sources]
    found = [task(1 + k, name, trained, train[-10:], held[:0]) for k, name in enumerate(names)]
    pair = f"target_from_{'+'.join(names)}"
    return PairData(pair, "random", 0, target, tuple(found), smiles, graphs, "hash", "data")


def with_temperatures(pair: PairData) -> PairData:
    """The pair with a feature column: the target at two temperatures, of which the sources know nothing.

    The target's value is a fifth less at the higher one.
    """
    count = len(pair.smiles)
    temperature = np.repeat([280.0, 320.0, np.nan], count)[:, None]
    points = PairPoints(("temperature",), np.tile(np.arange(count), 3), temperature)

    def twice(part: Part) -> Part:
        value = np.column_stack([part.value, 0.8 * part.value]).ravel()
        return Part(np.asarray(part.smiles).repeat(2), value, np.column_stack([part.rows, count + part.rows]).ravel())

    def of_unknown(part: Part) -> Part:
        return dataclasses.replace(part, rows=2 * count + part.rows)

    def task(whole: TaskData, change: Callable[[Part], Part]) -> TaskData:
        train, validation, test = map(change, whole.parts())
        return dataclasses.replace(whole, train=train, validation=validation, test=test)

    sources = tuple(task(source, of_unknown) for source in pair.sources)
    return dataclasses.replace(pair, target=task(pair.target, twice), sources=sources, points=points)
