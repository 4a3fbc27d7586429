"""After the search: the winner of each study, chosen on validation, is evaluated on test, exported and registered."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gear.data import PairData, load_pair
from gear.errors import GearError
from search.campaign import Campaign
from search.events import StudyFinished
from search.standings import Standing, standings
from search.store import CampaignStore
from search.study import Study, Trial
from tracking.registry import Winner, register_winner

__all__ = ["finalize"]


def finalize(
    campaign: Campaign, store: CampaignStore, tracking_uri: str, say: Callable[[str], None] = print
) -> list[Standing]:
    """Evaluate, export and register the winner of every study that has one, and give the leaderboard.

    A winner that was evaluated by an earlier launch is not evaluated again; exporting and registering are repeated,
    since they may have been interrupted.

    Raises:
        GearError: a checkpoint cannot be read or an export not written.
    """
    for study in campaign.studies.values():
        if study.best is None:
            say(_without_winner(study))
            continue
        pair = load_pair(study.plan.pair, study.plan.split, campaign.plan.search.split_seed)
        finished = _evaluated(campaign, store, study, study.best, pair)
        with store.export(study.name) as folder:
            _export(campaign, store, study, study.best, pair, finished, folder)
            try:
                register_winner(tracking_uri, folder, _winner(campaign, store, finished, pair))
            except GearError as error:
                say(f"{study.name}: exported, but not registered: {error}")
    return standings(campaign)


def _without_winner(study: Study) -> str:
    """What to say of a study of which no trial completed."""
    if not study.given_up:
        return f"{study.name}: no trial completed, so there is no winner"
    reasons = Counter(trial.reason for trial in study.searched if trial.state == "failed")
    (reason, count), *_ = reasons.most_common(1)
    return f"{study.name}: given up, since all {study.ended} trials failed, {count} of them with: {reason}"


def _evaluated(campaign: Campaign, store: CampaignStore, study: Study, best: Trial, pair: PairData) -> StudyFinished:
    """The test scores of the winner: recorded, or computed now and recorded."""
    if study.finished and study.finished[-1].winner == best.number:
        return study.finished[-1]
    from gear.evaluate import test_scores  # torch, not before it is needed

    assert best.checkpoint is not None
    assert best.value is not None
    with store.checkpoint(best.checkpoint) as checkpoint:
        scores = test_scores(checkpoint, campaign.spec(study.name, best.number), pair)
    finished = StudyFinished(
        study=study.name,
        winner=best.number,
        validation_rmse=best.value,
        test_evaluations=len(study.finished) + 1,
        scores=dataclasses.asdict(scores),
        split_hash=pair.split_hash,
        data_hash=pair.data_hash,
    )
    campaign.finish_study(finished)
    return finished


def _export(
    campaign: Campaign,
    store: CampaignStore,
    study: Study,
    best: Trial,
    pair: PairData,
    finished: StudyFinished,
    to: Path,
) -> None:
    from gear.export import Member, export_model

    assert best.checkpoint is not None
    evidence: dict[str, Any] = {
        "campaign": campaign.plan.name,
        "study": study.name,
        "trial": best.number,
        "trials (complete, pruned, failed)": f"{study.count('complete')}, {study.count('pruned')}, "
        f"{study.count('failed')}",
        "validation RMSE": finished.validation_rmse,
        "test RMSE": finished.scores["rmse"],
        f"test RMSE ({pair.target.unit})": finished.scores["rmse_units"],
        "test evaluations": finished.test_evaluations,
    }
    spec = campaign.spec(study.name, best.number)
    with store.checkpoint(best.checkpoint) as checkpoint:
        export_model([Member(checkpoint, spec, pair)], pair, to, evidence)


def _winner(campaign: Campaign, store: CampaignStore, finished: StudyFinished, pair: PairData) -> Winner:
    return Winner(
        pair=pair.id,
        split=pair.split,
        method=campaign.studies[finished.study].plan.method,
        study=finished.study,
        campaign=campaign.plan.name,
        created=store.head["created"],
        number=finished.winner,
        validation_rmse=finished.validation_rmse,
        test_rmse=finished.scores["rmse"],
        test_rmse_units=finished.scores["rmse_units"],
        test_evaluations=finished.test_evaluations,
        split_hash=pair.split_hash,
        data_hash=pair.data_hash,
        unit=pair.target.unit,
    )
