"""Recorded learning curves, of a campaign folder or a file made from one, and what they say of other configurations.

The file is JSON lines: the plan of the campaign, then one trial a line; compressed where its name ends in `.gz`.
"""

import dataclasses
import gzip
import json
import math
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from gear.errors import InputDataError
from gear.variants import get_value
from search.campaign import Campaign, Job
from search.events import State
from search.folder import Folder, open_folder
from search.plan import CampaignPlan, plan_from_dict, plan_to_dict
from search.row import Row
from search.space import Dimension, space
from search.store import read_campaign, read_events
from search.study import OBJECTIVE, Trial

__all__ = ["SHIPPED", "Curve", "Curves", "Surrogate", "read_curves", "write_curves"]

SHIPPED = str(Path(__file__).with_name("recorded.jsonl.gz"))  # of `python -m search.run --preset curves`
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """A trial that ended: its parameters, its best validation RMSE so far, epoch by epoch, and how long it took."""

    study: str
    params: Mapping[str, Any]
    state: State
    values: Sequence[float]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Curves:
    """All that ended of a campaign."""

    plan: CampaignPlan
    trials: Sequence[Curve]


def read_curves(source: str) -> Curves:
    """Read a campaign folder, or a file of `write_curves`.

    Raises:
        InputDataError: the file is not one of curves.
        StorageError: the folder is not one of a campaign, or damaged.
    """
    if "://" in source or Path(source).is_dir():
        return _of_campaign(open_folder(source))
    try:
        data = Path(source).read_bytes()
        plan, *trials = map(json.loads, (gzip.decompress(data) if source.endswith(".gz") else data).splitlines())
        return Curves(plan_from_dict(plan), [Curve(**trial) for trial in trials])
    except (OSError, EOFError, zlib.error, ValueError, TypeError) as error:
        raise InputDataError(f"no recorded curves in {source}: {error}") from error


def write_curves(curves: Curves, path: Path) -> None:
    """Write a file of curves."""
    lines = [plan_to_dict(curves.plan), *map(dataclasses.asdict, curves.trials)]
    data = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _of_campaign(folder: Folder) -> Curves:
    plan = plan_from_dict(read_campaign(folder)["plan"])
    trials = [
        Curve(trial.study, trial.params, trial.state, _values(trial), round(trial.seconds, 2))
        for study in Campaign(plan, events=read_events(folder)).studies.values()
        for trial in study.searched
        if trial.state != "running"
    ]
    return Curves(plan, trials)


def _values(trial: Trial) -> list[float]:
    return [round(value, DIGITS) for _, value in sorted(trial.curve.items())]


class Surrogate:
    """Answers a job with the curve of the nearest recorded configuration of its study, in the unit cube of the space.

    A curve that early stopping cut off goes on level: what it would have become is not known, and it was not promising.
    """

    def __init__(self, curves: Curves) -> None:
        self._epochs = curves.plan.epochs
        self._spaces = {study.name: space(study.method, curves.plan.search.vary) for study in curves.plan.studies}
        self._recorded: dict[str, list[Curve]] = defaultdict(list)
        for curve in curves.trials:
            self._recorded[curve.study].append(curve)
        for study in self._spaces:
            if not self._recorded[study]:
                raise InputDataError(f"no trial of {study} has ended: there is nothing to replay")
        self._places = {
            study: np.array([_place(dimensions, curve.params) for curve in self._recorded[study]])
            for study, dimensions in self._spaces.items()
        }

    def __call__(self, job: Job) -> Iterator[Row]:
        """The rows that the job's trial would report."""
        dimensions = self._spaces[job.study]
        asked = {dimension.path: get_value(job.spec.config, dimension.path) for dimension in dimensions}
        gaps = np.nansum((self._places[job.study] - _place(dimensions, asked)) ** 2, axis=1)
        yield from _replay(self._recorded[job.study][int(gaps.argmin())], self._epochs)


def _place(dimensions: Sequence[Dimension], params: Mapping[str, Any]) -> list[float]:
    """Coordinates of a configuration; a number that it does not have is NaN, and does not count."""
    return list(chain.from_iterable(dimension.place(params.get(dimension.path, math.nan)) for dimension in dimensions))


def _replay(curve: Curve, epochs: int) -> Iterator[Row]:
    """The rows of a recorded trial, as if early stopping had not seen it."""
    values = [*curve.values]
    if curve.state == "pruned":
        values += values[-1:] * (epochs - len(values))
    last = len(values) if curve.state != "failed" else math.inf
    seconds = curve.seconds / max(len(curve.values), 1)
    for epoch, value in enumerate(values, 1):
        yield Row("complete" if epoch == last else "running", "", epoch, {OBJECTIVE: value, "seconds": seconds})
    yield Row("failed", "failed when it was recorded")
