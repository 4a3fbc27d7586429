"""A pair whose target is trained on every label it has: for a model to be used, once its error is known."""

import dataclasses

import numpy as np

from gear.data.pairs import PairData, Part

__all__ = ["with_all_labels"]


def with_all_labels(pair: PairData) -> PairData:
    """The pair with the target's validation and test part in its training part, too.

    Validation and test part stay as they are: errors there are now errors on molecules that were trained on. The
    sources stay as the split made them, and so do the hashes. Where noise put a held-out molecule with a wrong label
    into the training part, its true label takes its place.
    """
    train, validation, test = pair.target.parts()
    held_out = np.concatenate([validation.rows, test.rows])
    parts = [train.at(~np.isin(train.rows, held_out)), validation, test]
    joined = _joined(parts)
    everything = joined.at(np.argsort(joined.smiles, kind="stable"))
    return dataclasses.replace(pair, target=dataclasses.replace(pair.target, train=everything))


def _joined(parts: list[Part]) -> Part:
    names = [field.name for field in dataclasses.fields(Part)]
    return Part(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
