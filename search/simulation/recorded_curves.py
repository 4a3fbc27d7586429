"""Recorded learning curves, from a campaign folder or from a file that was made of one.

The file has JSON lines: the plan of the campaign, then a line for each trial. It is compressed if its name ends in
`.gz`.
"""

import dataclasses
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gear.errors import InputDataError, StorageError
from gear.results import State
from search.campaign.campaign import Campaign
from search.campaign.study import Trial
from search.plan.campaign_plan import CampaignPlan
from search.plan.plan_file import plan_from_dict, plan_to_dict
from search.simulation import SHIPPED
from search.storage.base import StoragePath
from search.storage.campaign_store import plan_in, read_campaign, read_events
from search.storage.locate import open_folder

__all__ = ["Curve", "Curves", "read_curves", "write_curves"]

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """A trial that ended. `values`: the best validation RMSE so far after each epoch; `seconds`: of the whole trial."""

    study: str
    params: Mapping[str, Any]
    state: State
    values: Sequence[float]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Curves:
    """The plan of a campaign and all of its trials that ended."""

    plan: CampaignPlan
    trials: Sequence[Curve]


def read_curves(source: str) -> Curves:
    """Read the curves of a campaign folder, a file that `write_curves` wrote, or curves that come with the program.

    Args:
        source: a path, an S3 address, or a name of `search.simulation.SHIPPED`.

    Raises:
        InputDataError: the file does not hold curves.
        StorageError: the folder is not a campaign's, or it is damaged.
    """
    source = str(SHIPPED.get(source, source))
    if "://" in source or Path(source).is_dir():
        return _of_campaign(open_folder(source))
    try:
        data = Path(source).read_bytes()
        plan, *trials = map(json.loads, (gzip.decompress(data) if source.endswith(".gz") else data).splitlines())
        return Curves(plan_from_dict(plan), [Curve(**trial) for trial in trials])
    except (OSError, EOFError, zlib.error, ValueError, TypeError) as error:
        raise InputDataError(f"no recorded curves in {source}: {error}") from error


def write_curves(curves: Curves, path: Path) -> None:
    """Write curves to a file.

    Raises:
        StorageError: it cannot be written.
    """
    lines = [plan_to_dict(curves.plan), *map(dataclasses.asdict, curves.trials)]
    data = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
    try:
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error}") from error


def _of_campaign(folder: StoragePath) -> Curves:
    plan = plan_in(folder, read_campaign(folder))
    trials = [
        Curve(trial.study, trial.params, trial.state, _values(trial), round(trial.seconds, 2))
        for study in Campaign(plan, events=read_events(folder)).studies.values()
        for trial in study.searched
        if trial.state != "running"
    ]
    return Curves(plan, trials)


def _values(trial: Trial) -> list[float]:
    return [round(value, DIGITS) for _, value in sorted(trial.curve.items())]
