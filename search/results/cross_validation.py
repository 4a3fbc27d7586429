"""The results of a cross-validation (`random-cv`): what a method reaches over all molecules, each of them tested once.

The winner of a fold is tested on a fifth of the molecules, by a search that never saw their labels. A joined result is
that of a method, or of the champions of the folds, which is what the search as a whole is worth; its model is the mean
of the folds' models. It is derived from what the folds were tested with, and no molecule is predicted again for it.

Errors are standardised by all labels, since there is no training part that all folds share.
"""

import dataclasses
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gear.config import PairSpec
from gear.data import load_pair
from gear.data.cache import content_key
from gear.data.splits.split_name import cross_validations
from gear.errors import GearError, StorageError
from gear.evaluation.comparison import REFERENCES, champions
from gear.evaluation.conformal import Coverage, coverage_numbers
from gear.evaluation.held_out import held_out_of
from gear.label_scaler import Scaler
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import Standing, standings
from search.plan.campaign_plan import BLEND, CHAMPION, CampaignPlan
from search.results.intervals import LEVEL
from search.results.references import reference_predictions_name
from search.storage.base import StoragePath
from search.storage.campaign_store import CampaignStore
from search.storage.layout import cross_validation_file, predictions_file, references_file

__all__ = ["JoinedResult", "judge_cross_validations", "read_joined"]


@dataclass(frozen=True, slots=True)
class JoinedResult:
    """A method over all folds of a cross-validation, or the champions of the folds.

    Attributes:
        pair: of properties.
        split: the name for all folds, `random-cv`.
        method: its name, or `champion`.
        parts: the studies whose winners, or the blends, that were tested, one of each fold in their order.
        validation_rmse: root of the mean square of theirs.
        test_evaluations: of them all on their test parts.
        scores: over all molecules, those of `gear.evaluation.evaluate.Scores` and the coverage of the intervals.
        split_hash: of the hashes of the folds.
        data_hash: of the pair.
    """

    pair: str
    split: str
    method: str
    parts: tuple[str, ...]
    validation_rmse: float
    test_evaluations: int
    scores: Mapping[str, float]
    split_hash: str
    data_hash: str

    @property
    def name(self) -> str:
        """Its name, made like that of a study."""
        return f"{self.pair}.{self.split}.{self.method}"

    @property
    def numbers(self) -> dict[str, float]:
        """Every number, by its part: `validation_rmse`, `test_rmse`, ..."""
        return {"validation_rmse": self.validation_rmse, **{f"test_{name}": n for name, n in self.scores.items()}}

    @property
    def methods(self) -> str:
        """The method of each fold, in words: `gear, blend, gear, gear, svr`."""
        return ", ".join(part.rpartition(".")[2] for part in self.parts)

    @property
    def standing(self) -> Standing:
        """Its line of the leaderboard."""
        return Standing(
            study=self.name,
            pair=self.pair,
            split=self.split,
            method=self.method,
            complete=0,
            pruned=0,
            failed=0,
            validation_rmse=self.validation_rmse,
            test_rmse=self.scores["rmse"],
            test_rmse_units=self.scores["rmse_units"],
            test_r2=self.scores["r2"],
            test_molecules=int(self.scores["n"]),
            test_evaluations=self.test_evaluations,
            split_hash=self.split_hash,
            data_hash=self.data_hash,
            folds=len(self.parts),
        )


def judge_cross_validations(campaign: Campaign, store: CampaignStore, say: Callable[[str], None]) -> None:
    """Join the results of the folds of each cross-validation, and those of the references, and record them.

    One whose folds are not all tested is said and left out, and so is one whose predictions are not found.

    Raises:
        StorageError: the storage cannot be written.
    """
    found = cross_validations(campaign.plan.splits)
    rows = standings(campaign) if found else []
    for pair in campaign.plan.pairs:
        for split, folds in found.items():
            methods = _tested_in_all([row for row in rows if row.pair == pair.id], folds)
            try:
                if not methods:
                    raise GearError("no method was tested on every fold")
                _judge(campaign, store, pair, split, methods)
            except GearError as error:
                say(f"{pair.id} {split}: the folds are not joined: {error}")


def read_joined(plan: CampaignPlan, folder: StoragePath) -> list[JoinedResult]:
    """The joined results that a campaign's folder holds, in the order of the plan.

    Raises:
        StorageError: a file of them is damaged.
    """
    places = [
        folder / cross_validation_file(pair.id, split)
        for pair in plan.pairs
        for split in cross_validations(plan.splits)
    ]
    return [result for place in places if place.exists() for result in _read(place)]


def _read(place: StoragePath) -> Iterator[JoinedResult]:
    try:
        for found in json.loads(place.read_text()):
            yield JoinedResult(**{**found, "parts": tuple(found["parts"])})
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{place} holds no results ({error!r}): remove it, and resume to write it again") from error


def _tested_in_all(rows: Sequence[Standing], folds: Sequence[str]) -> dict[str, list[Standing]]:
    """The lines of the folds by method, of those that were tested on every fold; the champions of the folds come last.

    Where one method is the champion of every fold, its result is theirs.
    """
    tested = {(row.method, row.split): row for row in rows if row.test_rmse is not None}
    methods = dict.fromkeys(row.method for row in rows if row.method != BLEND)
    found = {
        method: [tested[method, fold] for fold in folds]
        for method in methods
        if all((method, fold) in tested for fold in folds)
    }
    best = {split: row for (_, split), row in champions(rows).items() if row.test_rmse is not None}
    chosen = [best[fold] for fold in folds if fold in best]
    if found and len(chosen) == len(folds) and chosen not in found.values():
        found[CHAMPION] = chosen
    return found


def _judge(
    campaign: Campaign, store: CampaignStore, pair: PairSpec, split: str, methods: Mapping[str, Sequence[Standing]]
) -> None:
    first = next(iter(methods.values()))
    folds = [row.split for row in first]
    log10 = load_pair(pair, folds[0], campaign.plan.search.split_seed).target.log10
    hashes = {"split_hash": content_key([row.split_hash for row in first]), "data_hash": first[0].data_hash}
    results = []
    for method, parts in methods.items():
        names = tuple(part.study for part in parts)
        table = _tested(store.folder, names)
        rmses = np.array([part.validation_rmse for part in parts])
        result = JoinedResult(
            pair.id,
            split,
            method,
            parts=names,
            validation_rmse=float(np.sqrt(np.mean(rmses**2))),
            test_evaluations=sum(part.test_evaluations for part in parts),
            scores=_scores(table, log10=log10),
            **hashes,
        )
        store.write_predictions(result.name, table)
        results.append(result)
    _judge_references(store, pair.id, split, folds, log10=log10, hashes=hashes)
    store.write_json(cross_validation_file(pair.id, split), [dataclasses.asdict(result) for result in results])


def _judge_references(
    store: CampaignStore, pair: str, split: str, folds: Sequence[str], *, log10: bool, hashes: Mapping[str, str]
) -> None:
    """Join what the references predict for the folds, those that were judged on every fold."""
    scores = {}
    for reference in REFERENCES:
        names = [reference_predictions_name(pair, fold, reference) for fold in folds]
        if all((store.folder / predictions_file(name)).exists() for name in names):
            table = _tested(store.folder, names)
            store.write_predictions(reference_predictions_name(pair, split, reference), table)
            scores[reference] = _scores(table, log10=log10)
    if scores:
        store.write_json(references_file(pair, split), {"scores": scores, **hashes})


def _tested(folder: StoragePath, names: Sequence[str]) -> pa.Table:
    """What the winners of some studies predict for their test parts, one after the other."""
    tables = []
    for name in names:
        place = folder / predictions_file(name)
        try:
            table = pq.read_table(io.BytesIO(place.read_bytes()))
            tables.append(table.filter(pc.field("part") == "test"))
        except (OSError, KeyError, pa.ArrowException) as error:
            raise StorageError(f"the predictions in {place} cannot be read: {error}") from error
    return pa.concat_tables(tables)


def _scores(table: pa.Table, *, log10: bool) -> dict[str, Any]:
    from gear.evaluation.evaluate import scores  # torch, not before it is needed

    value = table["value"].to_numpy()
    found = dataclasses.asdict(scores(held_out_of(table, Scaler.fit(value, log10))))
    if "low" not in table.column_names:
        return found
    low, high = table["low"].to_numpy(), table["high"].to_numpy()
    there = np.isfinite(low)
    if not there.all():  # a fold has too few validation molecules for intervals
        return found
    return found | coverage_numbers([Coverage.count(LEVEL, value, low, high, table["smiles"].to_numpy())])
