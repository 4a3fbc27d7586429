"""What a campaign has found, as tables and models: the return value of `run_campaign`, read from its folder."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from gear.errors import UnknownNameError
from gear.evaluation.comparison import champions
from gear.results import OBJECTIVE
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import Standing
from search.results.evidence import Board, rows_and_joined
from search.results.undelivered import undelivered
from search.results.winners import leaderboard
from search.storage.base import StoragePath
from search.storage.campaign_store import EXPORTS
from search.storage.layout import predictions_file
from search.storage.locate import DEFAULT_STORAGE, open_folder
from search.storage.snapshot import take_snapshot

if TYPE_CHECKING:
    import pandas as pd

    from gear.predict import Predictor
    from search.runtime.tune_run import Outcome

__all__ = ["CampaignResult", "load_campaign"]


@dataclass(frozen=True, slots=True)
class CampaignResult:
    """A campaign as it stands.

    Attributes:
        campaign: its studies and trials.
        head: its campaign.json.
        folder: that holds it.
        outcome: of the launch: `done`, `out of time` or `interrupted`; a campaign that was only loaded is `done` where
            every result is tested and exported, else `interrupted`.
    """

    campaign: Campaign
    head: Mapping[str, Any]
    folder: StoragePath
    outcome: Outcome

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.folder.name

    def leaderboard(self) -> pd.DataFrame:
        """One row per study or blend: pair, split, method, number of trials, validation and test RMSE, hashes.

        RMSEs are in standard deviations of the target's training part, `test_rmse_units` in the property's unit.
        `change` is that of the test RMSE relative to `stl` on the same test molecules, -0.1 is lower by 10 %, with its
        95 % interval from `change_low` to `change_high`; `reference_change` is that relative to an untuned support
        vector machine.

        Raises:
            StorageError: the campaign folder cannot be read.
        """
        import pandas as pd

        board = leaderboard(self.campaign, self.head, self.folder)
        table = pd.DataFrame([dataclasses.asdict(standing) for standing in board.standings]).set_index("study")
        for column, found in {"change": board.changes, "reference_change": board.reference_changes}.items():
            table[column] = pd.Series({study: change.value for study, change in found.items()}, dtype=float)
            ends = {study: change.interval for study, change in found.items() if change.interval is not None}
            table[f"{column}_low"] = pd.Series({study: interval.low for study, interval in ends.items()}, dtype=float)
            table[f"{column}_high"] = pd.Series({study: interval.high for study, interval in ends.items()}, dtype=float)
        return table

    def trials(self) -> pd.DataFrame:
        """A row a trial: study, number, state, reason, value (validation RMSE), epochs, seconds, its parameters."""
        import pandas as pd

        rows = [
            {
                "study": study.name,
                "trial": trial.number,
                "purpose": trial.purpose,
                "state": trial.state,
                "reason": trial.reason,
                "value": trial.value,
                "epochs": trial.epoch,
                "seconds": trial.seconds,
                **trial.params,
            }
            for study in self.campaign.studies.values()
            for trial in study.trials
        ]
        return pd.DataFrame(rows)

    def curves(self) -> pd.DataFrame:
        """A row an epoch of each trial: study, trial, epoch, `best_validation_rmse` up to it."""
        import pandas as pd

        rows = [
            (study.name, trial.number, epoch, value)
            for study in self.campaign.studies.values()
            for trial in study.trials
            for epoch, value in sorted(trial.curve.items())
        ]
        return pd.DataFrame(rows, columns=["study", "trial", "epoch", OBJECTIVE])

    def champions(self) -> dict[tuple[str, str], str]:
        """The study, blend or joined result with the lowest validation RMSE of each pair and split, by (pair, split).

        A cross-validation whose folds are joined has one champion, under the name for all folds.
        """
        return {place: row.study for place, row in champions(self._board.results).items()}

    def predictions(self, study: str) -> pd.DataFrame:
        """What a study's winner or a blend predicts for held-out molecules: smiles, value, prediction, spread, part.

        Raises:
            UnknownNameError: no such study, or it has no tested winner.
        """
        file = self.folder / predictions_file(self._known(study))
        if not file.exists():
            raise UnknownNameError("study with a tested winner", study, _tested(self._board.rows))
        return pq.read_table(pa.BufferReader(file.read_bytes())).to_pandas()

    @contextlib.contextmanager
    def exported(self, study: str) -> Iterator[Path]:
        """The export folder of a study's winner, a blend or a joined result, on this machine for the length of a block.

        Raises:
            UnknownNameError: no such study, it has no tested winner, or it is a fold that is exported with the others.
        """
        place = self.folder / EXPORTS / self._known(study)
        if not place.exists():
            raise UnknownNameError("exported model", study, _tested(self._board.results))
        with place.local() as path:
            yield path

    def predictor(self, study: str) -> Predictor:
        """The winner of a study, or a blend, loaded: `.predict(smiles)`.

        Raises:
            UnknownNameError: no such study, or it has no tested winner.
        """
        from gear.predict import load_predictor

        with self.exported(study) as path:
            return load_predictor(path)

    def _known(self, study: str) -> str:
        known = [row.study for row in self._board.rows]
        if study not in known:
            raise UnknownNameError("study", study, known)
        return study

    @property
    def _board(self) -> Board:
        """How all results stand, without the references, which are not asked for here."""
        rows, joined = rows_and_joined(self.campaign, self.folder)
        return Board(self.campaign, self.head, self.folder, rows, (), joined)


def _tested(rows: Iterable[Standing]) -> list[str]:
    return [row.study for row in rows if row.test_evaluations] or ["none yet"]


def load_campaign(name: str, storage: StoragePath | str = DEFAULT_STORAGE) -> CampaignResult:
    """A campaign from its folder, whether or not it is running.

    Args:
        name: of the campaign.
        storage: that holds it.

    Raises:
        StorageError: no campaign there, or a damaged one.
    """
    folder = (open_folder(storage) if isinstance(storage, str) else storage) / name
    snapshot = take_snapshot(folder)
    campaign, head = snapshot.campaign, snapshot.head
    done = campaign.done and not undelivered(campaign, head, folder)
    return CampaignResult(campaign, head, folder, "done" if done else "interrupted")
