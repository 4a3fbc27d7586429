"""The evidence for what a campaign delivers, the winner of a study or a blend: for the registry and for the card."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gear.evaluation.comparison import baseline_of, reference_words
from gear.evaluation.conformal import recorded_coverage
from gear.evaluation.diagnostics import Finding
from gear.plugins import import_paths
from gear.recorded import recorded_config
from gear.results import STATES
from search.campaign.campaign import Campaign
from search.campaign.leaderboard import row_of, standings
from search.campaign.selection import delivered
from search.campaign.study import Study, Trial
from search.results.changes import change_of, warnings_of
from search.results.references import read_references, reference_change, strongest_for
from search.storage.base import StoragePath
from tracking.evidence import Winner

__all__ = ["card_evidence", "common_evidence", "labels_of", "study_card", "winner_of"]


def winner_of(campaign: Campaign, head: Mapping[str, Any], folder: StoragePath, study: Study) -> Winner:
    """The evidence for a study's tested winner, for a reviewer.

    Raises:
        StorageError: predictions cannot be read.
    """
    plan, finished = study.plan, study.finished[-1]
    best = study.trials[finished.winner]
    taken = delivered(study, best, campaign.plan.search)
    return Winner(
        pair=plan.pair.id,
        split=plan.split,
        method=plan.method_name,
        study=study.name,
        number=finished.winner,
        trials=" ".join(str(trial.number) for trial in taken if trial is not best),
        labels=labels_of(taken),
        test_evaluations=finished.test_evaluations,
        split_hash=finished.split_hash,
        data_hash=finished.data_hash,
        scores=finished.numbers,
        config=best.config,
        seed=best.config["seed"],
        **common_evidence(campaign, head, folder, study.name, [best]),
    )


def study_card(campaign: Campaign, head: Mapping[str, Any], folder: StoragePath, study: Study) -> dict[str, Any]:
    """What the card of a study's winner says.

    Raises:
        StorageError: predictions cannot be read.
    """
    won = winner_of(campaign, head, folder, study)
    counts = ", ".join(str(study.count(state)) for state in STATES)
    return card_evidence(won, {"study": study.name, "trial": won.number, f"trials ({', '.join(STATES)})": counts})


def labels_of(taken: Iterable[Trial]) -> str:
    """`all` if the models of some trials learnt from all labels, else empty."""
    return "all" if any(trial.purpose == "all-labels" for trial in taken) else ""


def common_evidence(
    campaign: Campaign, head: Mapping[str, Any], folder: StoragePath, name: str, trials: Sequence[Trial]
) -> dict[str, Any]:
    """Fields of a `Winner` that are found in one way for a study's winner and a blend.

    Args:
        campaign: as it is now.
        head: its campaign.json.
        folder: of the campaign.
        name: of the study or blend.
        trials: its winner, or the members.

    Raises:
        StorageError: predictions cannot be read.
    """
    rows, references = standings(campaign), read_references(campaign, folder)
    row = row_of(name, rows)
    rival, reference = baseline_of(row, rows), strongest_for(row, references)
    against = reference_change(row, references, folder)
    return {
        "campaign": campaign.plan.name,
        "created": head["created"],
        "versions": head["versions"],
        "unit": head["data"][f"{row.pair}.{row.split}"]["unit"],
        "single_task": {} if rival is None else campaign.studies[rival.study].finished[-1].numbers,
        "change": change_of(row, rows, folder),
        "reference": {} if reference is None else reference.numbers,
        "reference_change": against,
        "warnings": warnings_of(_findings(trials), row.method, against),
        "own_code": _own_code(trials),
    }


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


def _findings(trials: Iterable[Trial]) -> list[Finding]:
    """What looks wrong with any of the trials, each once."""
    return list(dict.fromkeys(finding for trial in trials for finding in trial.findings))


def _own_code(trials: Iterable[Trial]) -> tuple[str, ...]:
    """Import paths of the user's own code that the models of trials need."""
    return tuple(dict.fromkeys(path for trial in trials for path in import_paths(recorded_config(trial.config))))


def _with_interval(scores: Mapping[str, float], name: str) -> dict[str, float]:
    return {"value": scores[name], "low": scores[f"{name}_low"], "high": scores[f"{name}_high"]}
