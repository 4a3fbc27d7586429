"""Which source helps a target: a quick probe of every candidate, before anything is searched.

The probe asks whether a model of the source says something about the target that the target's own labels do not. A
support vector machine learns the source from molecules that are not among the target's, and predicts the target's
molecules. Over folds of the target's labels, the RMSE of a second machine that corrects these predictions (the method
`delta`) is compared with that of one without a source (the method `svr`), untuned and on the same molecules.
"""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gear.config import PairSpec, TaskSpec
from gear.data.builtin.properties import PROPERTIES
from gear.data.molecules.descriptors import packed_descriptors
from gear.data.pairs import TaskData, described_task, load_pair, load_task
from gear.data.task import TaskTable
from gear.errors import InputDataError
from gear.evaluation.uncertainty import Comparison, difference
from gear.label_scaler import Scaler
from gear.methods.classical.delta import ridge
from gear.methods.classical.untuned import untuned_predictions

__all__ = ["RankedSource", "built_in_candidates", "expectation", "rank_sources"]

FOLDS = 5
MAX_LABELS = 600  # of the target: with more, the probe says the same and takes longer
MAX_SOURCE = 1000  # molecules that a source is learnt from
MINIMUM = 30  # molecules of a source beside the target's
GAIN = 0.05  # share of the error, below which a change is no gain worth a search
SHARED = 10  # molecules, below which a correlation says nothing


@dataclass(frozen=True, slots=True)
class RankedSource:
    """What is known of a source for a target.

    Attributes:
        source: the candidate.
        molecules: how many it has beside the target's.
        shared: how many of the target's molecules have its value.
        correlation: of both properties there, as models see them; NaN below `SHARED` molecules.
        change: RMSE with the source over RMSE without it, over all folds.
    """

    source: TaskSpec
    molecules: int
    shared: int
    correlation: float
    change: Comparison

    @property
    def helps(self) -> bool:
        """Whether the interval of the change lies below 1."""
        return self.change.ratio.high < 1

    @property
    def may_help(self) -> bool:
        """Whether a gain is likely, sure or not."""
        return self.change.ratio.value < 1 - GAIN


def built_in_candidates(target: TaskSpec) -> list[TaskSpec]:
    """All built-in properties except the target."""
    return [TaskSpec(code) for code in PROPERTIES if target.file is not None or code != target.property]


def rank_sources(
    target: TaskSpec,
    candidates: Sequence[TaskSpec],
    split: str = "random",
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
    tested: Sequence[str] = (),
) -> list[RankedSource]:
    """The candidates that have enough molecules, the most helpful first.

    Only labels of the target's training and validation parts are looked at, and none that another split tests on, if
    that is to be searched, too.

    Args:
        target: a built-in property, or a column of a user's file.
        candidates: as `target`.
        split: of the target; `random-n60` for instance asks what helps with 60 labels.
        seed: of the split.
        say: takes the name of each candidate before it is probed.
        tested: those other splits.

    Raises:
        UnknownNameError, InputDataError, StorageError: see `gear.data.load_pair`.
    """
    molecules = dataclasses.replace(target, features=())  # one value each: the median where features differ
    known = load_pair(PairSpec(molecules, ()), split, seed).target
    others = (load_pair(PairSpec(molecules, ()), other, seed).target.test.smiles for other in tested)
    probe = _Probe(known, seed, {smiles for test in others for smiles in test})
    found = []
    for candidate in candidates:
        say(candidate.property)
        ranked = probe.ranked(candidate)
        if ranked is not None:
            found.append(ranked)
    if not found:
        raise InputDataError(f"no source has {MINIMUM} molecules that {target.property} lacks: name a source")
    return sorted(found, key=lambda ranked: ranked.change.ratio.value)


def expectation(ranked: RankedSource) -> str:
    """What to expect of a source, in words."""
    ratio = ranked.change.ratio
    low, high = (f"{abs(100 * (end - 1)):.0f} %" for end in (ratio.high, ratio.low))
    lower = f"about {100 * (1 - ratio.value):.0f} % lower error than without a source"
    if ranked.helps:
        return f"{lower} ({low} to {high})"
    if ranked.may_help:
        return f"{lower}, but too few labels to be sure ({high} lower to {100 * (ratio.high - 1):.0f} % higher)"
    if ratio.low > 1:
        return f"about {100 * (ratio.value - 1):.0f} % higher error than without a source: not this one"
    return "no gain that these labels can show"


class _Probe:
    """The target's labels but those of some molecules, in folds, with what is learnt of them without a source."""

    def __init__(self, target: TaskData, seed: int, unseen: Collection[str]) -> None:
        parts = (target.train, target.validation)
        smiles = np.concatenate([part.smiles for part in parts])
        value = np.concatenate([part.value for part in parts])
        self.all_smiles = {*smiles, *target.test.smiles}
        seen = np.array([text not in unseen for text in smiles])
        smiles, value = smiles[seen], value[seen]
        if len(smiles) < FOLDS:
            raise InputDataError(
                f"{len(smiles)} labels of {target.property} are left to rank sources by, the others are tested on: "
                "name a source"
            )
        generator = np.random.default_rng(seed)
        chosen = np.sort(generator.permutation(len(smiles))[:MAX_LABELS])
        self.smiles, value = smiles[chosen], value[chosen]
        self.labels = torch.from_numpy(Scaler.fit(value, target.log10).standardise(value))
        molecules, place = np.unique(self.smiles.astype(str), return_inverse=True)
        fold_of = torch.from_numpy((generator.permutation(len(molecules)) % FOLDS)[place])
        self.folds = [(fold_of != fold, fold_of == fold) for fold in range(FOLDS) if (fold_of == fold).any()]
        self.described = _described(self.smiles)
        self.alone = self._errors(None)

    def ranked(self, candidate: TaskSpec) -> RankedSource | None:
        """A candidate, or None if it has too few molecules beside the target's."""
        table, (*_, log10) = load_task(candidate), described_task(candidate)
        seen = np.log10(table.value) if log10 else table.value
        free = np.array([row for row, text in enumerate(table.smiles) if text not in self.all_smiles], np.int64)
        if len(free) < MINIMUM or not seen[free].std():
            return None
        shared, correlation = self._shared(table, seen)
        told = self._told(table.smiles[free], seen[free])
        change = difference(self._errors(told), self.alone)
        return RankedSource(candidate, len(free), shared, correlation, change)

    def _shared(self, table: TaskTable, seen: np.ndarray) -> tuple[int, float]:
        values = dict(zip(table.smiles, seen, strict=True))
        pairs = [(values[text], float(y)) for text, y in zip(self.smiles, self.labels, strict=True) if text in values]
        if len(pairs) < SHARED or min(np.std(pairs, axis=0)) == 0:
            return len(pairs), math.nan
        return len(pairs), float(np.corrcoef(np.transpose(pairs))[0, 1])

    def _told(self, smiles: np.ndarray, seen: np.ndarray) -> Tensor:
        """What a model of the source predicts for the target's molecules, (N, 1)."""
        rows = _drawn(smiles)
        labels = torch.from_numpy((seen[rows] - seen[rows].mean()) / (seen[rows].std() or 1.0))
        return untuned_predictions([_described(smiles[rows])], labels, [self.described])[:, None]

    def _errors(self, told: Tensor | None) -> np.ndarray:
        """Errors (N,) of the target's labels, each predicted by a model that has not seen it."""
        errors = torch.empty_like(self.labels)
        for known, held in self.folds:
            mapped = torch.zeros_like(self.labels) + self.labels[known].mean()
            if told is not None:
                constant, *slopes = ridge(told[known], self.labels[known])
                mapped = told @ torch.stack(slopes) + constant
            rest = untuned_predictions([self.described[known]], (self.labels - mapped)[known], [self.described[held]])
            errors[held] = mapped[held] + rest - self.labels[held]
        return errors.numpy()


def _drawn(smiles: np.ndarray) -> np.ndarray:
    """Up to `MAX_SOURCE` rows, by a hash of the molecule: candidates that share molecules draw the same ones."""
    order = np.argsort([hashlib.sha256(str(text).encode()).hexdigest() for text in smiles])
    return np.sort(order[:MAX_SOURCE])


def _described(smiles: np.ndarray) -> Tensor:
    """Descriptors (N, D)."""
    return torch.tensor(packed_descriptors(smiles))
