"""A pair with fewer molecules of its sources: what methods learn from that cannot read a million."""

import dataclasses

import numpy as np

from gear.data.molecules.pack import take
from gear.data.pair_data import PairData, Part, TaskData
from gear.data.points import PairPoints

__all__ = ["FITTED_MOST", "drawn_places", "for_fitted"]

FITTED_MOST = 25_000  # molecules of a source's training part, and of its validation part, for methods fitted at once


def for_fitted(pair: PairData, most: int = FITTED_MOST) -> PairData:
    """The pair as methods see it that are fitted at once (`gear.methods.fitted`): few molecules of each source.

    They are drawn at random by the seed of the split. The target and all hashes stay as they are.

    Args:
        pair: its data.
        most: molecules of each part of a source; a pair without larger parts is returned as it is.
    """
    if all(len(part.rows) <= most for source in pair.sources for part in source.parts()):
        return pair
    sources = [
        _with_parts(source, [_drawn(part, most, pair.seed) for part in source.parts()]) for source in pair.sources
    ]
    parts = [part for task in (pair.target, *sources) for part in task.parts()]
    kept = np.unique(np.concatenate([part.rows for part in parts]))
    molecules, points = kept, None
    if pair.points is not None:
        molecules, place = np.unique(pair.points.molecule[kept], return_inverse=True)
        points = PairPoints(pair.points.names, place, pair.points.columns[kept])

    def among_kept(task: TaskData) -> TaskData:
        renumbered = [dataclasses.replace(part, rows=np.searchsorted(kept, part.rows)) for part in task.parts()]
        bounds = None if task.bounds is None else task.bounds[kept]
        return dataclasses.replace(_with_parts(task, renumbered), bounds=bounds)

    return dataclasses.replace(
        pair,
        target=among_kept(pair.target),
        sources=tuple(map(among_kept, sources)),
        smiles=pair.smiles[molecules],
        graphs=take(pair.graphs, molecules),
        points=points,
    )


def drawn_places(count: int, most: int, seed: int) -> np.ndarray:
    """At most `most` of so many places, ascending, drawn without replacement; all if there are no more."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _drawn(part: Part, most: int, seed: int) -> Part:
    return part.at(drawn_places(len(part.rows), most, seed))


def _with_parts(task: TaskData, parts: list[Part]) -> TaskData:
    train, validation, test = parts
    return dataclasses.replace(task, train=train, validation=validation, test=test)
