"""The evidence for what a campaign delivers, the winner of a study or a blend: for the registry and for the card."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gear.data.splits.split_name import joined_folds
from gear.evaluation.comparison import baseline_of, reference_words
from gear.evaluation.conformal import recorded_coverage
from gear.evaluation.diagnostics import gathered
from gear.plugins import import_paths
from gear.recorded import recorded_config
from gear.results import STATES
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import Standing, data_facts, row_of, standings
from search.campaign.selection import delivered, members
from search.campaign.study import Study, Trial
from search.results.changes import change_of, warnings_of
from search.results.cross_validation import JoinedResult, read_joined
from search.results.references import Reference, read_references, reference_change, strongest_for
from search.storage.base import StoragePath
from tracking.evidence import Winner

__all__ = [
    "Board",
    "card_evidence",
    "common_evidence",
    "labels_of",
    "read_board",
    "rows_and_joined",
    "study_card",
    "winner_of",
]


@dataclass(frozen=True, slots=True)
class Board:
    """What results are compared by, read once for all of them.

    Attributes:
        campaign: as it is now.
        head: its campaign.json.
        folder: of the campaign.
        rows: how its winners, blends and joined results stand.
        references: what a chemist has within a minute, by pair and split.
        joined: the results over all folds of a cross-validation.
    """

    campaign: Campaign
    head: Mapping[str, Any]
    folder: StoragePath
    rows: Sequence[Standing]
    references: Sequence[Reference]
    joined: Sequence[JoinedResult] = ()

    @property
    def folds(self) -> frozenset[tuple[str, str]]:
        """Pair and split of each fold of a cross-validation whose results are joined: these stand for it."""
        return joined_folds((one.pair, one.split) for one in self.joined)

    @property
    def results(self) -> list[Standing]:
        """The rows without those of such folds."""
        folds = self.folds
        return [row for row in self.rows if (row.pair, row.split) not in folds]


def read_board(campaign: Campaign, head: Mapping[str, Any], folder: StoragePath) -> Board:
    """What the results of a campaign are compared by, as it is now.

    Raises:
        StorageError: references or joined results cannot be read.
    """
    rows, joined = rows_and_joined(campaign, folder)
    return Board(campaign, head, folder, rows, read_references(campaign, folder), joined)


def rows_and_joined(campaign: Campaign, folder: StoragePath) -> tuple[list[Standing], list[JoinedResult]]:
    """How a campaign's winners, blends and joined results stand, and the latter.

    Raises:
        StorageError: joined results cannot be read.
    """
    rows = standings(campaign)
    joined = _current(read_joined(campaign.plan, folder), rows)
    return [*rows, *(found.standing for found in joined)], joined


def _current(joined: Sequence[JoinedResult], rows: Sequence[Standing]) -> list[JoinedResult]:
    """The joined results without those of cross-validations of which a fold went on or was tested again since."""
    evaluations = {row.study: row.test_evaluations for row in rows if row.test_rmse is not None}
    outdated = {
        (found.pair, found.split)
        for found in joined
        if found.test_evaluations != sum(evaluations.get(part, 0) for part in found.parts)
    }
    return [found for found in joined if (found.pair, found.split) not in outdated]


def winner_of(board: Board, study: Study) -> Winner:
    """The evidence for a study's tested winner, for a reviewer.

    Raises:
        StorageError: predictions cannot be read.
    """
    settings = board.campaign.plan.search
    plan, finished = study.plan, study.finished[-1]
    best = study.trials[finished.winner]
    tested, taken = members(study, best, settings), delivered(study, best, settings)
    return Winner(
        pair=plan.pair.id,
        split=plan.split,
        method=plan.method_name,
        study=study.name,
        number=finished.winner,
        trials=" ".join(str(trial.number) for trial in taken if trial is not best),
        labels=labels_of(taken),
        test_evaluations=study.evaluations,
        split_hash=finished.split_hash,
        data_hash=finished.data_hash,
        scores=finished.numbers,
        config=best.config,
        seed=best.config["seed"],
        **common_evidence(board, study.name, tested, [best, *taken]),
    )


def study_card(study: Study, won: Winner) -> dict[str, Any]:
    """What the card of a study's winner says, from its evidence."""
    counts = ", ".join(str(study.count(state)) for state in STATES)
    return card_evidence(won, {"study": study.name, "trial": won.number, f"trials ({', '.join(STATES)})": counts})


def labels_of(taken: Iterable[Trial]) -> str:
    """`all` if the models of some trials learnt from all labels, else empty."""
    return "all" if any(trial.purpose == "all-labels" for trial in taken) else ""


def common_evidence(board: Board, name: str, trials: Sequence[Trial], others: Iterable[Trial]) -> dict[str, Any]:
    """Fields of a `Winner` that are found in one way for a study's winner, a blend and a joined result.

    Args:
        board: what it is compared by.
        name: of the study, blend or joined result.
        trials: whose models were tested.
        others: that it comes from as well: those whose models are exported, and whose configuration it has.

    Raises:
        StorageError: predictions cannot be read.
    """
    campaign, head, rows = board.campaign, board.head, board.rows
    row = row_of(name, rows)
    rival, reference = baseline_of(row, rows), strongest_for(row, board.references)
    against = reference_change(row, board.references, board.folder)
    return {
        "campaign": campaign.plan.name,
        "created": head["created"],
        "campaign_id": head.get("id", ""),
        "versions": _versions([*trials, *others], head.get("versions", {})),
        "unit": data_facts(head["data"], row.pair, row.split)["unit"],
        "single_task": {} if rival is None else _numbers(board, rival.study),
        "change": change_of(row, rows, board.folder),
        "reference": {} if reference is None else reference.numbers,
        "reference_change": against,
        "warnings": warnings_of(gathered([trial.findings for trial in trials]), row.method, against),
        "own_code": _own_code(trials),
    }


def _numbers(board: Board, name: str) -> Mapping[str, float]:
    """Those of the tested winner of a study, or of a joined result."""
    joined = {found.name: found.numbers for found in board.joined}
    return joined[name] if name in joined else board.campaign.studies[name].finished[-1].numbers


def card_evidence(won: Winner, made: Mapping[str, Any]) -> dict[str, Any]:
    """What the card says of a winner or a blend.

    Args:
        won: its evidence.
        made: how it was made, by what is shown before each.
    """
    found: dict[str, Any] = {
        "campaign": won.campaign,
        **made,
        "validation RMSE": won.scores["validation_rmse"],
        "test RMSE": _with_interval(won.scores, "test_rmse"),
        f"test RMSE ({won.unit})": _with_interval(won.scores, "test_rmse_units"),
        f"test MAE ({won.unit})": _with_interval(won.scores, "test_mae_units"),
        "test R2": won.scores["test_r2"],
        "test evaluations": won.test_evaluations,
    }
    if "test_rmse_alone" in won.scores:
        alone = "test RMSE of one model, mean and standard deviation"
        found[alone] = f"{won.scores['test_rmse_alone']:.4g}, {won.scores['test_rmse_alone_sd']:.2g}"
    for coverage in recorded_coverage(won.scores):
        found[f"{coverage.level} % intervals"] = coverage.words(won.unit)
    if won.against_best:
        found["against the best single method"] = won.against_best
    if won.change is not None:
        found["against single-task learning"] = won.change.words(won.method)
    if won.reference_change is not None:
        found["against an untuned support vector machine"] = reference_words(won.reference_change, won.method)
    if won.warnings:
        found["warnings"] = list(won.warnings)
    return found


def _versions(trials: Iterable[Trial], first: Mapping[str, str]) -> dict[str, str]:
    """The versions of packages and of this program that trained some trials: several where these differ.

    Args:
        trials: whose models predict, or that their configuration was found by.
        first: the versions of the campaign's first launch, for trials of a program that did not record them by trial.
    """
    launches = [versions for trial in trials for versions in (trial.versions or (first,))]
    found: dict[str, list[str]] = {}
    for versions in launches:
        for package, version in versions.items():
            found.setdefault(package, []).append(version)
    return {package: ", ".join(dict.fromkeys(several)) for package, several in found.items()}


def _own_code(trials: Iterable[Trial]) -> tuple[str, ...]:
    """Import paths of the user's own code that the models of trials need."""
    return tuple(dict.fromkeys(path for trial in trials for path in import_paths(recorded_config(trial.config))))


def _with_interval(scores: Mapping[str, float], name: str) -> dict[str, float]:
    return {"value": scores[name], "low": scores[f"{name}_low"], "high": scores[f"{name}_high"]}
